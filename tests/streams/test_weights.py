"""What workflows weigh: near to what Python allocates for them, whatever they hold."""

import gc
import tracemalloc
from collections.abc import Callable

import pytest

from machines.changes import Held
from machines.events import Event, decode_event, encode_event
from machines.recollection import PAGE_BYTES
from machines.snapshot import Situation, Snapshot, decode_snapshot, encode_snapshot
from machines.workflow import Workflow
from streams.weights import Weights

MANY = 40


def snapshot(**fields: object) -> Snapshot:
    return Snapshot(run=1, status="running", **fields)  # type: ignore[arg-type]  # fields of a snapshot


def variables(value: object) -> Snapshot:
    return snapshot(situation=Situation(("s",), {}, {"v": value}))


SMALL = snapshot(
    machine="job",
    attributes={"portfolio": "FX-1"},
    situation=Situation(("s",)),
    seen=b"x" * 12,
    states={"s": 10**18},
    visits={"s": 1, "t": 1, "u": 1},
)
SNAPSHOTS = {
    "small": SMALL,
    "text": variables("x" * 50_000),
    "a text with one wide character": variables("x" * 50_000 + "\U0001f600"),
    "records": variables([{"id": 10**12 + number, "name": f"name-{number}", "price": 1.5} for number in range(500)]),
    "empty objects": variables([{} for _ in range(5_000)]),
    "lists of one": variables([[10**12 + number] for number in range(3_000)]),
    "attributes": snapshot(attributes={f"a-{number}": f"value {number}" for number in range(500)}),
}


def waiting(count: int) -> list[Held]:
    """Events with data of 1,000 characters each, stored and read again."""
    events = [Event(f"e-{number}", "", "t", "w", None, 10**18, "x" * 1_000, "1-0") for number in range(count)]
    return [Held(decode_event(encode_event(event)), "early", 10**12 + event.time_ns) for event in events]


def allocated(make: Callable[[], object]) -> float:
    """Bytes that one of MANY takes."""
    gc.collect()
    tracemalloc.start()
    try:
        kept = [make() for _ in range(MANY)]
        size = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    return size / len(kept)


def weigh(workflow: Workflow, stored: bytes) -> int:
    weights = Weights()
    weights.put((0, "w"), workflow, len(stored))
    return weights.total


@pytest.mark.parametrize("kind", SNAPSHOTS)
def test_a_workflow_weighs_what_it_takes(kind: str) -> None:
    stored = encode_snapshot(SNAPSHOTS[kind])
    taken = allocated(lambda: Workflow("w", decode_snapshot(stored)))
    assert 0.6 <= weigh(Workflow("w", decode_snapshot(stored)), stored) / taken <= 1.6


def test_what_stands_beside_the_snapshot_is_weighed_too() -> None:
    stored = encode_snapshot(SMALL)

    def make() -> Workflow:
        return Workflow("w", decode_snapshot(stored), waiting(50), [bytes(PAGE_BYTES) for _ in range(16)])

    assert 0.6 <= weigh(make(), stored) / allocated(make) <= 1.6


def test_the_total_is_that_of_those_that_are_there() -> None:
    weights, other = Weights(), Weights()
    small, large = encode_snapshot(SNAPSHOTS["small"]), encode_snapshot(SNAPSHOTS["records"])
    for subject in ("a", "b", "a"):
        weights.put((0, subject), Workflow(subject, decode_snapshot(large)), len(large))
    weights.put((0, "a"), Workflow("a", decode_snapshot(small)), len(small))
    weights.drop((0, "b"))
    weights.drop((1, "a"))
    other.put((0, "a"), Workflow("a", decode_snapshot(small)), len(small))
    assert weights.total == other.total > 0
    weights.drop((0, "a"))
    assert weights.total == 0


def test_events_that_wait_no_longer_weigh_nothing() -> None:
    workflow = Workflow("w", None, waiting(5))
    before = workflow.held.weight
    workflow.held.replace(0, Event("e-0", "", "t", "w", None, 1, "x" * 2_000, "1-0"))
    assert workflow.held.weight == before + 1_000
    for ticket in range(5):
        workflow.held.take(ticket)
    assert workflow.held.weight == 0
