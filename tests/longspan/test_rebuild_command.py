"""`longspan rebuild`: what goes wrong on the way is told, and nothing is sent that need not be."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from longspan.command import main
from longspan.receiver import Answer, ExportRequest, Receiver
from machines.snapshot import decode_snapshot, encode_snapshot
from spans.tempo import Stored, read_trace
from streams.layout import settle_partitions
from streams.outbox import Outbox
from tests.longspan.tempo import PARTIAL, UNKNOWN, TempoServer
from tests.streams.site import PARTITIONS, Site
from tests.support.servers import Server

RUNS = 7
SPANS = 2  # of each: the state and the workflow


class Choosy(Receiver):
    """Refuses requests with spans of some workflows; ends to answer after so many requests."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: set[str] = set()
        self.left = 1_000

    def answer(self, request: ExportRequest) -> Answer:
        self.left -= 1
        if self.left < 0:
            return 503, {}, b""
        if self.refused & {str(span.attributes["workflow.id"]) for span in request.spans}:
            return 400, {"Content-Type": "text/plain"}, b"bad span"
        return super().answer(request)


@pytest.fixture
def backend() -> Iterator[Choosy]:
    with Choosy() as backend:
        yield backend


@pytest.fixture
def site(valkey_server: Server, prefix: str, tmp_path: Path) -> Iterator[Site]:
    """Runs that were delivered, and one that goes on."""
    site = Site(valkey_server.url, prefix, tmp_path)
    settle_partitions(site.client, site.keys, PARTITIONS)
    worker = site.worker()
    for number in range(RUNS):
        site.emit(site.event(f"wf-{number}", "started"), site.event(f"wf-{number}", "finished"))
    site.emit(site.event("open", "started"), site.event("open", "paused"))
    site.settle(worker)
    site.now_ms = time.time_ns() // 1_000_000 - 3_600_000
    site.deliver()
    yield site
    site.close()


@pytest.fixture
def rebuild(site: Site, backend: Choosy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("LONGSPAN_REDIS_URL", site.url)
    monkeypatch.setenv("LONGSPAN_PREFIX", site.keys.prefix)
    monkeypatch.setenv("LONGSPAN_MACHINES", str(tmp_path / "job-1.json"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", backend.endpoint)

    def run(*arguments: str, status: int = 0) -> Any:
        result = CliRunner().invoke(main, ["rebuild", *arguments, "--json"], catch_exceptions=False)
        assert result.exit_code == status, result.output
        return json.loads(result.stdout) if result.stdout else result.stderr

    return run


def names(receiver: Receiver) -> list[str]:
    return sorted(str(span.attributes["workflow.id"]) for span in receiver.spans)


def test_a_rebuild_that_is_cut_goes_on_and_sends_nothing_twice(rebuild: Any, backend: Choosy, tmp_path: Path) -> None:
    backend.left = 2
    state = ("--resume", str(tmp_path / "state.json"))
    told = rebuild("--all", "--rate", "4", "--wait", "1ms", *state, status=1)
    assert told["spans"] == 2 * 4
    assert told["halted"] == "the endpoint is away: HTTP 503 Service Unavailable"
    backend.left = 1_000
    assert rebuild("--all", *state)["spans"] == RUNS * SPANS - 2 * 4
    assert names(backend) == sorted(2 * [f"wf-{number}" for number in range(RUNS)])
    assert rebuild("--all", *state)["spans"] == 0
    assert "of another rebuild" in rebuild("--all", "--machine", "job", *state, status=2)


def test_what_is_refused_is_listed_and_the_rest_is_sent(rebuild: Any, backend: Choosy) -> None:
    backend.refused = {"wf-3"}
    told = rebuild("--all", status=1)
    assert told["spans"] == (RUNS - 1) * SPANS
    assert [(one["workflow"], one["status"], one["reason"]) for one in told["refusals"]] == 2 * [
        ("wf-3", "400", "bad span")
    ]
    assert "wf-3" not in names(backend)


def test_a_dry_run_counts_and_filters_choose(rebuild: Any, backend: Choosy, site: Site) -> None:
    assert rebuild("--all", "--dry-run")["spans"] == RUNS * SPANS
    assert rebuild("--all", "--dry-run", "--outcome", "error")["spans"] == 0
    assert rebuild("--all", "--dry-run", "--machine", "other")["spans"] == 0
    third = site.records("wf-3")[0].event.time_ns
    moment = f"2026-11-22T16:00:{third // 10**9 % 60:02d}Z"
    assert rebuild("--all", "--dry-run", "--started-after", moment)["runs"] == RUNS - 3
    assert rebuild("--all", "--dry-run", "--started-before", moment)["runs"] == 3
    assert rebuild("open", "--dry-run")["left_out"]
    assert "there is no journal of 'nobody'" in rebuild("nobody", status=1)
    assert not backend.requests


def test_a_journal_that_cannot_be_told_is_named_and_the_rest_is_sent(rebuild: Any, site: Site) -> None:
    site.client.call("RPOP", site.of("wf-2").journal("wf-2", 1))
    told = rebuild("--all", status=1)
    assert told["runs"] == RUNS - 1
    assert [(one["workflow"], one["run"]) for one in told["failures"]] == [("wf-2", "1")]


def test_check_finds_a_snapshot_that_says_something_else(rebuild: Any, site: Site) -> None:
    told = rebuild("--all", "--check")
    assert (told["workflows"], told["unfolded"], told["differing"]) == (RUNS + 1, 0, [])
    key = site.of("open").workflow("open")
    snapshot = decode_snapshot(site.client.call("GET", key))
    snapshot.states = {"running": snapshot.updated_ns}
    snapshot.deadlines = {"paused": 5}
    site.client.call("SET", key, encode_snapshot(snapshot))
    site.client.call("RPOP", site.of("wf-2").journal("wf-2", 1))
    site.client.call("DEL", site.of("wf-4").journal("wf-4", 1))
    told = rebuild("--all", "--check", status=1)
    places = {(one["workflow"], one["place"]) for one in told["differing"]}
    assert {("open", "states"), ("open", "deadlines.paused"), ("wf-2", "entries"), ("wf-4", "journal")} <= places
    assert {name for name, _ in places} == {"open", "wf-2", "wf-4"}


def test_check_without_the_machine_compares_the_records(rebuild: Any, site: Site, monkeypatch: Any) -> None:
    monkeypatch.delenv("LONGSPAN_MACHINES")
    told = rebuild("--all", "--check")
    assert (told["unfolded"], told["differing"]) == (RUNS + 1, [])


@pytest.fixture
def tempo(rebuild: Any, backend: Choosy) -> Iterator[TempoServer]:
    """A Tempo that has everything."""
    rebuild("--all")
    with TempoServer() as tempo:
        tempo.store(span.encoded for span in backend.spans)
        backend._accepted.clear()
        yield tempo


def test_only_what_a_tempo_does_not_have_is_sent(rebuild: Any, backend: Choosy, tempo: TempoServer) -> None:
    asking = ("--all", "--missing", "--tempo", tempo.url)
    told = rebuild(*asking)
    assert (told["audit"]["complete"], told["spans"]) == (RUNS, 0)
    whole, part = list(tempo.traces)[:2]
    gone = [*tempo.traces.pop(whole), tempo.traces[part].pop()]
    told = rebuild(*asking, "--dry-run", status=1)
    assert (told["audit"]["lost_runs"], told["audit"]["lost_spans"]) == (2, 3)
    assert not backend.requests
    told = rebuild(*asking)
    assert sorted(span.encoded for span in backend.spans) == sorted(gone)
    assert {(one["trace_id"], one["lost"], one["of"]) for one in told["audit"]["losses"]} == {
        (whole, 2, 2),
        (part, 1, 2),
    }
    assert all("before it was on disk" in one["why"] for one in told["audit"]["losses"])


def test_of_a_family_the_trace_is_asked_for_once_and_again_only_where_something_is_lost(
    rebuild: Any, backend: Choosy, tempo: TempoServer, site: Site
) -> None:
    site.end_leases()
    worker, children = site.worker(), ["p0", "p1", "p2"]
    for name in ("whole", *children):
        site.emit(site.event(name, "started", **({} if name == "whole" else {"parent": "whole"})))
        site.settle(worker)
    for name in (*children, "whole"):
        site.emit(site.event(name, "finished"))
        site.settle(worker)
    site.deliver()
    Outbox(site.client, site.keys, PARTITIONS).deliver_children([(name, 1) for name in children], site.now_ms)
    rebuild("whole", *children)
    sent = {(str(span.attributes["workflow.id"]), span.name): span.encoded for span in backend.spans}
    tempo.store(encoded for name, encoded in sent.items() if name != ("p1", "running"))
    tempo.asked.clear()
    backend._accepted.clear()
    told = rebuild("whole", *children, "--missing", "--tempo", tempo.url, "--asking", "1")
    assert (told["audit"]["asked"], told["audit"]["lost_spans"]) == (4, 1)
    assert [span.encoded for span in backend.spans] == [sent["p1", "running"]]
    assert len([path for path, _ in tempo.asked if path != "/api/echo"]) == 2


def test_what_nobody_can_tell_is_not_sent(rebuild: Any, backend: Choosy, tempo: TempoServer) -> None:
    tempo.suffix = PARTIAL
    tempo.traces[next(iter(tempo.traces))].pop()
    told = rebuild("--all", "--missing", "--tempo", tempo.url, status=1)
    assert told["audit"]["unclear"] == 1
    assert "trace exceeds max size" in told["audit"]["losses"][0]["why"]
    assert not backend.requests


def test_what_a_tempo_has_let_go_of_is_not_lost(rebuild: Any, backend: Choosy, tempo: TempoServer) -> None:
    tempo.traces.clear()
    told = rebuild("--all", "--missing", "--tempo", tempo.url, "--kept", "1ms")
    assert (told["audit"]["expired"], told["spans"]) == (RUNS, 0)


def test_what_was_delivered_a_moment_ago_is_asked_for_again(
    rebuild: Any, backend: Choosy, site: Site, tempo: TempoServer
) -> None:
    site.now_ms = time.time_ns() // 1_000_000
    for number in range(PARTITIONS):
        for member in site.client.call("ZRANGE", site.keys.of(number).ended, 0, -1):
            site.client.call("ZADD", site.keys.of(number).ended, site.now_ms, member)
    tempo.answers = [(503, b""), (429, b""), *[(200, UNKNOWN)] * RUNS]
    told = rebuild("--all", "--missing", "--tempo", tempo.url, "--settle", "2s")
    assert (told["audit"]["recent"], told["audit"]["complete"], told["spans"]) == (RUNS, RUNS, 0)
    assert not tempo.answers


def test_what_is_no_tempo_is_not_believed(
    rebuild: Any, backend: Choosy, tempo: TempoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONGSPAN_TEMPO_HEADERS", "X-Scope-OrgID=tenant%201")
    asking = ("--all", "--missing", "--tempo", tempo.url)
    rebuild(*asking)
    assert all(headers["X-Scope-OrgID"] == "tenant 1" for _, headers in tempo.asked)
    tempo.answers = [(401, b"")]
    assert "LONGSPAN_TEMPO_HEADERS" in rebuild(*asking, status=1)["halted"]
    tempo.answers = [(200, b"\xff\xff")]
    assert "no trace in protobuf" in rebuild(*asking, status=1)["halted"]
    tempo.echo = b"<html>"
    assert "/api/echo" in rebuild(*asking, status=1)
    assert not backend.requests


def test_recorded_answers_are_read() -> None:
    recorded = Path(__file__).parents[1] / "api" / "tempo"
    found = read_trace((recorded / "v2pb.pb").read_bytes())
    assert (len(found.span_ids), found.message) == (8, "")
    assert read_trace((recorded / "v2_404.pb").read_bytes()) == Stored(frozenset())
    assert (recorded / "v2_404.pb").read_bytes() == UNKNOWN
