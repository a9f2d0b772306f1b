"""`longspan replay`: files to trees, to JSON, to an endpoint, to a running system, and two machines side by side."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from longspan.command import main
from longspan.receiver import ACCEPTED, Answer, ExportRequest, Receiver
from machines.catalog import EXAMPLES
from streams.client import connect
from tests.support.servers import Server

ORDER = EXAMPLES / "order.jsonl"
TREES = Path(__file__).parent / "trees"
CHANGED = Path(__file__).parents[2] / "docs" / "testing" / "order-2.yaml"
DOCS = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()


def replay(*arguments: object, status: int = 0) -> Result:
    result = CliRunner().invoke(main, ["replay", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result


class Failing(Receiver):
    """Answers so many requests, and is away then; refuses the spans of one workflow for good."""

    left = 1_000
    unwelcome = ""

    def answer(self, request: ExportRequest) -> Answer:
        self.left -= 1
        if self.left < 0:
            return 503, {}, b""
        if any(span.attributes["workflow.id"] == self.unwelcome for span in request.spans):
            return 400, {"Content-Type": "text/plain"}, b"not this one"
        return ACCEPTED


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Failing]:
    with Failing() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
        yield receiver


@pytest.mark.parametrize("name", ["order", "risk-calculation", "ci-pipeline"])
def test_the_shipped_streams_replay_to_their_golden_trees(name: str) -> None:
    assert replay(EXAMPLES / f"{name}.jsonl").stdout == (TREES / f"{name}.txt").read_text()


def test_json_is_otlp_and_the_export_sends_the_same_spans(endpoint: Failing) -> None:
    lines = [json.loads(line) for line in replay(ORDER, "--json").stdout.splitlines()]
    told = [span for line in lines for group in line["resourceSpans"][0]["scopeSpans"] for span in group["spans"]]
    assert "2 runs, 15 spans accepted by" in replay(ORDER, "--export").stdout
    sent = [(span.trace_id, span.span_id, span.name, str(span.end_ns)) for span in endpoint.spans]
    assert sent == [(span["traceId"], span["spanId"], span["name"], span["endTimeUnixNano"]) for span in told]


def test_an_export_that_fails_says_exactly_what_was_accepted(
    endpoint: Failing, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("longspan.replay_export.PATIENCE_MS", 1)
    many = tmp_path / "many.jsonl"
    text = ORDER.read_text()
    many.write_text("".join(text.replace("order-", f"o{number}-") for number in range(400)))
    endpoint.left = 1
    result = replay(many, "--export", "--json", status=1)
    told = json.loads(result.stdout)
    last = endpoint.requests[0].spans[-1].attributes
    assert told["spans"] == len(endpoint.requests[0].spans) > 0
    assert told["last_accepted"] == [last["workflow.id"], last["workflow.run"]]
    said = replay(many, "--export", status=1).stderr
    assert "nothing was accepted" in said
    endpoint.left, endpoint.unwelcome = 1_000, "order-5501"
    assert "refused: order-5501: 400 not this one" in replay(ORDER, "--export", status=1).stdout
    many.write_text(text + "rubbish\n")
    result = replay(many, "--export", status=1)
    assert "a line cannot be used" in result.stderr
    assert "accepted: every run up to" in result.stderr


def test_it_stops_in_the_middle_and_shows_what_is_open() -> None:
    by_id, by_type = replay(ORDER, "--until", "o-5501-3"), replay(ORDER, "--until", "com.example.shop.payment.retried")
    assert by_id.stdout == by_type.stdout
    assert "order-5501  open  trace" in by_id.stdout
    assert "runs: 2 open; 3 spans" in by_id.stdout
    assert "no event has this id or type" in replay(ORDER, "--until", "o-1", status=1).stderr


def test_gzip_is_read_and_one_that_is_cut_is_told_with_its_line(tmp_path: Path) -> None:
    packed = tmp_path / "order.jsonl.gz"
    packed.write_bytes(gzip.compress(ORDER.read_bytes()))
    assert replay(packed).stdout == replay(ORDER).stdout
    packed.write_bytes(packed.read_bytes()[:-300])
    for arguments, status in (([], 1), (["--keep-going"], 0)):
        result = replay(packed, *arguments, status=status)
        assert "line: cannot be read to its end: the gzip stream ends here, without its end mark" in result.stderr
    packed.write_bytes(b"\x1f\x8b" + b"no gzip at all")
    assert "line 1: line: cannot be read to its end" in replay(packed, status=1).stderr


def test_a_wrong_line_ends_it_or_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "mixed.jsonl"
    lines = ORDER.read_text().splitlines()
    file.write_text("\n".join([*lines[:3], "level=info msg=other", *lines[3:], lines[0][:40]]))
    stopped = replay(file, status=1)
    assert f"{file}: line 4: event: is not a JSON object" in stopped.stderr
    assert "3 events of 2 workflows" in stopped.stdout
    went_on = replay(file, "--keep-going")
    assert f"{file}: line 16: line: is cut off" in went_on.stderr
    assert "2 lines were left out" in went_on.stderr
    assert went_on.stdout == replay(ORDER).stdout


def test_a_changed_machine_shows_the_difference_as_documented() -> None:
    result = replay("--diff", EXAMPLES / "order.yaml", CHANGED, ORDER, status=1)
    assert result.stdout.rstrip() in DOCS
    told = json.loads(replay("--diff", EXAMPLES / "order.yaml", CHANGED, ORDER, "--json", status=1).stdout)
    assert (told["workflows"], told["differ"]) == (2, 1)
    (difference,) = told["differences"]
    assert (difference["workflow"], difference["outcome"]) == ("order-5502", ["error", "timeout"])


def test_the_same_machines_do_not_differ_and_wrong_use_is_2() -> None:
    assert "no difference in 2 workflows" in replay("--diff", EXAMPLES / "order.yaml", EXAMPLES, ORDER).stdout
    for arguments in (
        ("--diff", EXAMPLES, EXAMPLES, ORDER, "--export"),
        ("--diff", EXAMPLES, EXAMPLES, ORDER, "--machines", EXAMPLES),
        ("--diff", EXAMPLES, "nowhere", ORDER),
        ("--suffix", "x", ORDER),
        ("--speed", "2", "--json", ORDER),
        ("nowhere.jsonl",),
        (),
    ):
        replay(*arguments, status=2)


def test_a_file_is_played_into_the_running_system_under_names_of_its_own(
    valkey_server: Server, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONGSPAN_REDIS_URL", valkey_server.url)
    monkeypatch.setenv("LONGSPAN_PREFIX", prefix)
    assert replay(ORDER, "--speed", "1000000", "--suffix", "-b").stdout == "14 sent\n"
    with connect(valkey_server.url) as client:
        found = client.call("XRANGE", f"{prefix}:events", "-", "+")
    sent = [dict(zip(flat[::2], flat[1::2], strict=True)) for _, flat in found]
    given: list[dict[str, Any]] = [json.loads(line) for line in ORDER.read_text().splitlines()]
    assert [entry[b"id"].decode() for entry in sent] == [f"{event['id']}-b" for event in given]
    assert {entry[b"subject"] for entry in sent} == {b"order-5501-b", b"order-5502-b"}
    assert all(entry[b"time"] > b"2026-11-17" for entry in sent), "now, not when it was recorded"
