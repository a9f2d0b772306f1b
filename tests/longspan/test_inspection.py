"""status, deadletters and doctor, against one worker that has had good, failed and rejected events, and rubbish."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from longspan.receiver import ACCEPTED, Answer, ExportRequest, Receiver
from spans.ids import trace_id
from streams.client import connect
from tests.longspan.processes import longspan, running
from tests.support.servers import Server
from tests.support.waiting import wait_for

PREFIX = "inspection"


class Picky(Receiver):
    """Refuses every request with a span of the workflow that is called unwelcome."""

    def answer(self, request: ExportRequest) -> Answer:
        if any(span.attributes["workflow.id"] == "unwelcome" for span in request.spans):
            return 400, {"Content-Type": "text/plain"}, b"not this one"
        return ACCEPTED


def lines(workflow_id: str, *steps: str) -> list[str]:
    return [
        json.dumps(
            {
                "id": f"{workflow_id}-{number}",
                "type": f"com.example.risk.{step}",
                "subject": workflow_id,
                "time": f"2026-11-22T16:00:{number:02}Z",
                "data": {"portfolio": "FX"}
                if step == "submitted"
                else {"error": "no data"}
                if step == "failed"
                else {},
            }
        )
        for number, step in enumerate(steps)
    ]


@pytest.fixture(scope="module")
def folded(valkey_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Settings of an installation that has seen something."""
    with Picky() as receiver:
        settings = {
            "LONGSPAN_REDIS_URL": valkey_server.url,
            "LONGSPAN_PREFIX": PREFIX,
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        }
        with running("worker", settings=settings, log=tmp_path_factory.mktemp("worker") / "log"):
            events = lines("open", "submitted", "loading", "written")
            events += lines("broken", "submitted", "loading", "failed")
            events += lines("unwelcome", "submitted", "cancelled")
            longspan("emit", settings=settings, stdin="\n".join(events))
            with connect(valkey_server.url) as client:
                client.call("XADD", f"{PREFIX}:events", "*", "id", "x", "type", "t", "time", "noon", "subject", "bad")
                client.call("XADD", f"{PREFIX}:events", "*", "id", "x", "type", b"\xff", "subject", "bad")
            wait_for(lambda: len(listed(settings, "deadletters", "list")) == 2, 20)
            wait_for(lambda: len(listed(settings, "deadletters", "list", "--spans")) == 3, 20)
            yield settings


def listed(settings: dict[str, str], *arguments: str) -> Any:
    done = longspan(*arguments, "--json", settings=settings)
    assert not done.stderr, done.stderr
    return json.loads(done.stdout)


def test_the_list_shows_and_filters_workflows(folded: dict[str, str]) -> None:
    assert {view["id"]: view["status"] for view in listed(folded, "status")} == {
        "open": "running",
        "broken": "error",
        "unwelcome": "cancelled",
    }
    assert [view["id"] for view in listed(folded, "status", "--status", "error")] == ["broken"]
    assert listed(folded, "status", "--machine", "order") == []
    assert listed(folded, "status", "--overdue") == []
    assert [view["id"] for view in listed(folded, "status", "--state", "data_loader")] == ["open"]
    assert len(listed(folded, "status", "--attr", "portfolio=FX")) == 3
    assert listed(folded, "status", "--attr", "portfolio=EQ") == []
    assert longspan("status", "--attr", "portfolio", settings=folded).returncode == 2
    assert len(listed(folded, "status", "--limit", "1")) == 1
    text = longspan("status", settings=folded).stdout
    assert "data_loader.processing" in text
    assert "risk-calculation 1" in text


def test_one_workflow_is_shown_with_the_names_of_the_api(folded: dict[str, str]) -> None:
    view = listed(folded, "status", "open")
    assert view["machine"] == "risk-calculation"
    assert (view["version"], view["run"], view["status"]) == (1, 1, "running")
    assert view["states"] == {"data_loader": "2026-11-22T16:00:00Z", "data_loader.processing": "2026-11-22T16:00:01Z"}
    assert view["attributes"] == {"portfolio": "FX"}
    assert (view["started_at"], view["ended_at"]) == ("2026-11-22T16:00:00Z", None)
    assert view["trace_id"] == f"{trace_id('default', 'risk-calculation', 'open', 1):032x}"
    assert "events" not in view


def test_its_events_are_told_with_effect_and_reason(folded: dict[str, str]) -> None:
    events = listed(folded, "status", "open", "--events")["events"]
    assert [event["result"] for event in events] == ["applied", "applied", "rejected"]
    assert events[1]["left"] == ["data_loader.initializing"]
    assert events[1]["entered"] == ["data_loader.processing"]
    assert events[2]["reason"]
    text = longspan("status", "open", "--events", settings=folded).stdout
    assert "left data_loader.initializing, entered data_loader.processing" in text
    assert events[2]["reason"] in text
    assert listed(folded, "status", "open", "--run", "1")["events"] == events


def test_what_is_not_there_is_told(folded: dict[str, str]) -> None:
    for arguments in (("status", "nobody"), ("status", "open", "--run", "7"), ("deadletters", "show", "0.1-1")):
        done = longspan(*arguments, settings=folded)
        assert done.returncode == 1
        assert done.stderr.startswith("longspan: there is no")


def test_doctor_finds_what_is_wrong_and_says_what_to_do(folded: dict[str, str]) -> None:
    findings = {finding["check"]: finding for finding in listed(folded, "doctor")}
    verdicts = {check: finding["verdict"] for check, finding in findings.items()}
    assert verdicts == {
        "server": "ok",
        "persistence": "ok",
        "clock": "ok",
        "partitions": "ok",
        "worker": "ok",
        "ingress": "ok",
        "backlog": "ok",
        "deadlines": "ok",
        "waits": "ok",
        "outbox": "ok",
        "dead letters": "warn",
        "parked": "ok",
        "refused spans": "warn",
        "pollers": "ok",
        "polling": "ok",
        "endpoint": "ok",
        "machines": "ok",
        "sources": "ok",
    }
    assert all(bool(finding["remedy"]) == (finding["verdict"] != "ok") for finding in findings.values())


def test_doctor_fails_where_something_is_missing(folded: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("machine: 7")
    wrong = folded | {
        "LONGSPAN_PREFIX": "never-started",
        "LONGSPAN_MACHINES": str(tmp_path),
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    }
    done = longspan("doctor", settings=wrong)
    assert done.returncode == 1
    for line in ("warn  partitions", "fail  endpoint", "fail  machines"):
        assert line in done.stdout
    absent = longspan("doctor", settings=wrong | {"LONGSPAN_REDIS_URL": "redis://127.0.0.1:9"})
    assert "fail  server" in absent.stdout
    assert "fail  machines" in absent.stdout


def test_dead_letters_are_listed_shown_redriven_and_dropped(folded: dict[str, str]) -> None:
    letters = listed(folded, "deadletters", "list")
    assert {letter["field"] for letter in letters} == {"time", "type"}
    by_field = {letter["field"]: letter for letter in letters}
    shown = listed(folded, "deadletters", "show", by_field["type"]["id"])
    assert shown["entry"]["type"] == "\\xff"
    assert "malformed" in longspan("deadletters", "list", settings=folded).stdout
    assert listed(folded, "deadletters", "list", "--reason", "early") == []

    assert listed(folded, "deadletters", "redrive", by_field["time"]["id"]) == {"redriven": 1, "kept": 0}
    wait_for(lambda: {letter["id"] for letter in listed(folded, "deadletters", "list")} != set(), 10)
    assert listed(folded, "deadletters", "drop", by_field["type"]["id"]) == {"dropped": 1}
    wait_for(lambda: [letter["field"] for letter in listed(folded, "deadletters", "list")] == ["time"], 10)


def test_refused_spans_are_listed_shown_and_dropped(folded: dict[str, str]) -> None:
    refused = listed(folded, "deadletters", "list", "--spans")
    assert {(one["status"], one["reason"], one["workflow"]) for one in refused} == {
        ("400", "not this one", "unwelcome")
    }
    shown = listed(folded, "deadletters", "show", refused[0]["id"], "--spans")
    assert shown["span"]["trace_id"] == f"{trace_id('default', 'risk-calculation', 'unwelcome', 1):032x}"
    assert listed(folded, "deadletters", "drop", "--spans", refused[0]["id"]) == {"dropped": 1}
    assert listed(folded, "deadletters", "drop", "--spans", "--all") == {"dropped": len(refused) - 1}
