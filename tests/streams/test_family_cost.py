"""What a parent's commit holds: no more with ten thousand children than with ten."""

import json

import msgspec

from machines.catalog import Catalog
from machines.changes import Limits
from machines.events import Event
from machines.messages import (
    CHILD_ENDED,
    CHILD_STARTED,
    ChildEnded,
    ChildStarted,
    make_message,
)
from machines.run import Interpreters
from machines.workflow import Workflow
from streams.commit import Commit
from streams.indexed import index
from streams.keys import Keys
from streams.lease import Lease
from tests.streams.site import START_MS
from tests.streams.test_messenger import BATCH, PARTS
from tests.support.folding import make_machine


def commit_of(count: int) -> tuple[int, int]:
    """Commands and bytes of the commit in which one more child ends, of a parent that has so many."""
    machines = make_machine(json.dumps(BATCH)), make_machine(json.dumps(PARTS))
    interpreters, limits, parent = Interpreters(Catalog(machines)), Limits(), Workflow("whole")
    start = Event("e", "", "com.example.batch.started", "whole", None, START_MS * 1_000_000, None, "1-0")

    def hear(number: int, event_type: str) -> None:
        name = f"part-{number:06}"
        told: msgspec.Struct = ChildStarted(name, "job", 1)
        if event_type == CHILD_ENDED:
            told = ChildEnded(name, "job", 1, "error", 1, "waiting", 1, START_MS * 1_000_000, 3, 2, 400, True)
        event = make_message(event_type, f"{event_type}:{name}", "whole", START_MS * 1_000_000, told)
        assert parent.receive(interpreters, limits, event, START_MS) == "applied"

    parent.receive(interpreters, limits, start, START_MS)
    parent.snapshot.done["waiting"] = 1  # it was told of its first three
    for number in range(count):
        hear(number, CHILD_STARTED)
        if number:
            hear(number, CHILD_ENDED)
    parent.take()
    parent.snapshot.seen = b""  # which every workflow has, after 128 events
    parent.snapshot.pending_spans = parent.snapshot.pending_bytes = 0
    before = index(parent, limits)
    hear(0, CHILD_ENDED)
    commit = Commit(Keys("t").of(0), Lease(b"n", b"e", b"0-0"))
    commit.add_workflow(parent, parent.take(), before, index(parent, limits), START_MS)
    arguments = commit.commands()
    return len(arguments), sum(len(str(part)) if isinstance(part, int) else len(part) for part in arguments)


def test_what_a_parent_writes_at_a_childs_end_does_not_grow_with_its_children() -> None:
    few, many = commit_of(10), commit_of(10_000)
    assert few[0] == many[0]
    assert many[1] < 1.05 * few[1]
