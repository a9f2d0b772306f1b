"""Deadlines as events: what is due becomes an event of the workflow, ordered and kept like any other."""

import msgspec

from machines.durations import format_duration
from machines.events import Event
from machines.instants import LATEST_NS
from machines.snapshot import Snapshot

DEADLINE_POSITION = "deadline:"  # a position that no ingress entry can have, so that nobody can forge a deadline


def is_deadline(event: Event) -> bool:
    """Whether the event is a deadline that was due."""
    return event.position.startswith(DEADLINE_POSITION)


def deadline_key(event: Event) -> str:
    """What a deadline event is about: a state path or the machine's name."""
    return event.position.removeprefix(DEADLINE_POSITION)


def is_running(snapshot: Snapshot, event: Event) -> bool:
    """Whether the deadline still counts: its state was not left, and it has not fired."""
    return snapshot.deadlines.get(deadline_key(event)) == event.time_ns


def earliest_deadline(subject: str, snapshot: Snapshot) -> Event | None:
    """The event of the workflow's earliest deadline, or None where there is none."""
    if not snapshot.deadlines:
        return None
    key, due_ns = min(snapshot.deadlines.items(), key=lambda item: (item[1], item[0]))
    entered_ns = snapshot.states.get(key, snapshot.started_ns)
    detail = f"{key} took longer than {format_duration(due_ns - entered_ns)}"
    return Event(
        id=f"{key}@{snapshot.run}.{due_ns}",
        source="longspan",
        type="longspan.deadline",
        subject=subject,
        machine=None,
        time_ns=min(due_ns, LATEST_NS),
        data=msgspec.json.encode({"error": detail, "deadline": key}).decode(),
        position=DEADLINE_POSITION + key,
    )
