"""Parked events: which machine each waits for, and dropping those that wait in vain."""

from collections.abc import Collection

import msgspec

from machines.admission import Hold
from machines.changes import Held
from machines.events import Event
from machines.family import answer_unheard
from machines.messages import is_message
from machines.snapshot import Snapshot
from machines.waitlist import Waitlist
from machines.workflow import Workflow

Identity = tuple[str, str, int | None]  # see Event.identity


class Discard(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The order to drop parked events of one workflow; it comes through the partition's stream, as events do."""

    subject: str
    identities: list[Identity]


def discard(workflow: Workflow, identities: Collection[Identity]) -> int:
    """Drop those that are parked still; how many. Early events behind a start that was parked wait no longer for it."""
    kept, dropped = list[Held](), 0
    for held in workflow.held:
        if is_parked(held) and held.event.identity in identities:
            dropped += 1
            if is_message(held.event):
                workflow.changes.messages += answer_unheard(held.event, "it was dropped")
        else:
            kept.append(held)
    if dropped:
        workflow.held = Waitlist(kept)
        workflow.snapshot.waiting = len(kept)
        workflow.changes.rewrite_held = True
    return dropped


def is_parked(held: Held) -> bool:
    """Whether the event waits for a machine that is not loaded."""
    return held.reason == Hold.MACHINE.value


def awaited_machine(snapshot: Snapshot, event: Event) -> tuple[str, int | None]:
    """Name and version of the machine that a parked event waits for; the version is None where any would do."""
    if snapshot.status == "waiting" or snapshot.ended:
        return event.machine or "", None
    return snapshot.machine, event.redriven_to or snapshot.version
