"""A run with thousands of spans: sent in parts or bit by bit, its spans are what the oracle tells."""

import json
from pathlib import Path

import pytest

from longspan.receiver import Receiver
from machines.catalog import load_catalog
from machines.instants import format_instant
from tests.journey.running import NAMESPACE, is_drained, send, worker
from tests.oracle.comparison import differences, report
from tests.oracle.fold import Fold
from tests.oracle.spans import expected_spans
from tests.support.servers import Server
from tests.support.waiting import wait_for

EVENTS = 4_500
PART = 2_000
BEGIN_NS = 1_763_800_000 * 10**9


@pytest.mark.parametrize("export", ["complete", "progressive"])
def test_a_run_of_thousands_of_spans_arrives_whole(
    export: str, valkey_server: Server, prefix: str, receiver: Receiver, tmp_path: Path
) -> None:
    machines = tmp_path / "machines"
    machines.mkdir()
    (machines / "swing.json").write_text(json.dumps(swing(export)))
    fold = Fold(load_catalog([str(machines)]))
    with valkey_server.client() as client, worker(valkey_server, receiver, prefix, machines, tmp_path):
        entries = list(story("swing-1"))
        for begin in range(0, len(entries), 500):
            fold.feed(send(client, prefix, entries[begin : begin + 500]))
            wait_for(lambda: is_drained(client, prefix), 20)
    expected = expected_spans(fold, NAMESPACE)
    wrong = differences(expected, receiver.spans)
    assert not wrong, report(wrong)
    sent = [len(request.spans) for request in receiver.requests]
    assert sum(sent) == len(expected) > 2 * PART
    if export == "complete":
        assert len(sent) == len(expected) // PART + 1
    assert receiver.spans[-1].name == "swing"


def swing(export: str) -> dict[str, object]:
    """Two states by turns, inside another that is open all the time, until it ends."""
    return {
        "machine": "swing",
        "version": 1,
        "starts_on": ["com.example.swing.begun"],
        "attributes": ["height"],
        "export": export,
        "outcomes": {"over": "ok"},
        "chart": {
            "states": {
                "swinging": {
                    "transitions": [{"event": "ended", "target": "over"}],
                    "states": {
                        "left": {"transitions": [{"event": "swung", "target": "right"}]},
                        "right": {"transitions": [{"event": "swung", "target": "left"}]},
                    },
                },
                "over": {"final": True},
            }
        },
    }


def story(subject: str) -> list[dict[str, str]]:
    """The events of one long run; some are rejected, so that the workflow span has more events than it may keep."""
    names = ["begun", *(["swung"] * EVENTS), "ended"]
    for place in range(10, len(names), 20):
        names[place] = "tickled"
    return [
        {
            "id": str(number),
            "type": f"com.example.swing.{name}",
            "subject": subject,
            "time": format_instant(BEGIN_NS + number * 10**9),
            "data": json.dumps({"height": number}),
        }
        for number, name in enumerate(names)
    ]
