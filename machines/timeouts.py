"""Deadlines as events: what is due becomes an event of the workflow, ordered and kept like any other.

The order: a deadline goes before what arrived at its due time or later. A deadline that was overdue already when it was
set belongs to a history that is told afterwards: there an event whose own time lies before the due time goes first.
"""

import msgspec

from machines.durations import format_duration
from machines.events import Event
from machines.instants import LATEST_NS
from machines.messages import MESSAGE_POSITION, is_message
from machines.snapshot import Snapshot

DEADLINE_POSITION = "deadline:"  # a position that no ingress entry can have, so that nobody can forge a deadline


def is_deadline(event: Event) -> bool:
    """Whether the event is a deadline that was due."""
    return event.position.startswith(DEADLINE_POSITION)


def is_own(event: Event) -> bool:
    """Whether Longspan made the event, as it does deadlines and messages: nobody sends such an event again."""
    return is_deadline(event) or is_message(event)


def deadline_key(event: Event) -> str:
    """What a deadline event is about: a state path or the machine's name."""
    return event.position.removeprefix(DEADLINE_POSITION)


def is_running(snapshot: Snapshot, event: Event) -> bool:
    """Whether the deadline still counts: its state was not left, and it has not fired."""
    return snapshot.deadlines.get(deadline_key(event)) == event.time_ns


def set_deadline(snapshot: Snapshot, key: str, due_ns: int, arrived_ns: int) -> None:
    """Set a deadline because of an event which arrived at `arrived_ns`."""
    snapshot.deadlines[key] = due_ns
    if arrived_ns >= due_ns:
        snapshot.overdue[key] = arrived_ns


def cancel_deadline(snapshot: Snapshot, key: str) -> None:
    """The deadline runs no more, if it did."""
    snapshot.deadlines.pop(key, None)
    snapshot.overdue.pop(key, None)


def arrival_ns(event: Event, now_ms: int, snapshot: Snapshot) -> int:
    """When an event arrived, by its place in the ingress stream; not in the future, as producers may choose the place.

    A message arrives when it was sent.

    A deadline that is set arrives when it is due, or with the event that set it where that was later.
    """
    milliseconds = event.position.removeprefix(MESSAGE_POSITION).partition("-")[0]
    if milliseconds.isdecimal():
        return min(int(milliseconds), now_ms) * 1_000_000
    return snapshot.overdue.get(deadline_key(event), event.time_ns) if is_deadline(event) else now_ms * 1_000_000


def earliest_deadline(subject: str, snapshot: Snapshot) -> Event | None:
    """The event of the workflow's earliest deadline, or None where there is none."""
    if not snapshot.deadlines:
        return None
    return deadline_event(subject, snapshot, min(snapshot.deadlines.items(), key=lambda item: (item[1], item[0]))[0])


def deadline_before(subject: str, snapshot: Snapshot, event: Event, now_ms: int, turn_ms: int = 0) -> Event | None:
    """The event of the deadline that has to fire before `event` is applied, or None.

    `turn_ms` is for an event that waited in vain for others: when its wait was over.
    """
    deadlines, overdue = snapshot.deadlines, snapshot.overdue
    if is_deadline(event):
        place = event.time_ns, deadline_key(event)
        overtaken = any((due, key) < place for key, due in deadlines.items())
    else:
        arrived_ns = max(arrival_ns(event, now_ms, snapshot), turn_ms * 1_000_000)
        overtaken = any(
            due_ns <= arrived_ns and (key not in overdue or due_ns <= event.time_ns)
            for key, due_ns in deadlines.items()
        )
    # Perhaps another one than was found: they fire in order of due time.
    return earliest_deadline(subject, snapshot) if overtaken else None


def deadline_event(subject: str, snapshot: Snapshot, key: str) -> Event:
    """The event of a deadline that is set."""
    due_ns = snapshot.deadlines[key]
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
