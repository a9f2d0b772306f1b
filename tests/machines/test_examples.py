"""The shipped streams: what they say is what their machines make of them."""

import json
import re

import pytest

from machines.catalog import EXAMPLES, load_catalog
from machines.changes import Limits
from machines.entries import parse_entry
from machines.run import Interpreters
from machines.workflow import Workflow

CATALOG = load_catalog([str(EXAMPLES)])
STREAMS = sorted(EXAMPLES.glob("*.jsonl"))
UNTRACED = ("risk-workflow", "valuation", "valuation-shard")  # polled, or sent by systems that make no spans


def _play(name: str) -> tuple[dict[str, Workflow], list[str]]:
    interpreters, results = Interpreters(CATALOG), []
    workflows: dict[str, Workflow] = {}
    for number, line in enumerate((EXAMPLES / f"{name}.jsonl").read_text().splitlines(), 1):
        event = parse_entry({b"event": line.encode()}, f"{number}-0")
        workflow = workflows.setdefault(event.subject, Workflow(event.subject))
        results.append(workflow.receive(interpreters, Limits(), event, 0))
    return workflows, results


def test_every_shipped_machine_has_a_stream_and_every_stream_a_machine() -> None:
    assert sorted(path.stem for path in STREAMS) == [machine.name for machine in CATALOG]


@pytest.mark.parametrize(
    ("name", "ends", "odd"),
    [
        (
            "risk-calculation",
            {"risk-fx-20261116": "ok", "risk-rates-20261116": "error", "risk-equity-20261116": "cancelled"},
            ["early"],
        ),
        ("ci-pipeline", {"build-71": "ok", "build-72": "error"}, ["duplicate", "late"]),
        ("order", {"order-5501": "ok", "order-5502": "error"}, ["rejected", "late"]),
    ],
)
def test_a_stream_ends_as_it_should(name: str, ends: dict[str, str], odd: list[str]) -> None:
    workflows, results = _play(name)
    assert {subject: workflow.snapshot.status for subject, workflow in workflows.items()} == ends
    assert [result for result in results if result != "applied"] == odd
    assert all(not workflow.held for workflow in workflows.values())


def test_a_stream_carries_what_producers_send() -> None:
    for path in STREAMS:
        events = [json.loads(line) for line in path.read_text().splitlines()]
        assert all(event["specversion"] == "1.0" for event in events)
        traced = any(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", event.get("traceparent", "")) for event in events)
        assert traced == (path.stem not in UNTRACED), path


def test_an_order_is_tried_three_times() -> None:
    workflows, _ = _play("order")
    assert workflows["order-5502"].snapshot.situation.variables == {"attempts": 3}
    assert workflows["order-5502"].snapshot.reason == "card expired"
