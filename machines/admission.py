"""Whether an event can be applied now, must wait, or comes too late: the rules of order."""

from enum import Enum

from machines.catalog import Catalog
from machines.events import Event
from machines.machine import Machine
from machines.messages import CHILD_ENDED, CHILD_STARTED, PARENT_ENDED, SOURCE, is_message
from machines.snapshot import Snapshot

LOWEST = -(2**63)  # below every sequence number
GAPS = 16  # ranges of sequence numbers never taken that are remembered


class Hold(Enum):
    """Why an event waits; the value is what people read in lists."""

    EARLY = "early"
    SEQUENCE = "out-of-sequence"
    MACHINE = "machine-not-loaded"
    PARENT = "parent-not-started"


class AmbiguousMachineError(Exception):
    """Several machines start on the event's type and it names none of them."""

    def __init__(self, event: Event, machines: tuple[Machine, ...]) -> None:
        names = ", ".join(sorted(machine.name for machine in machines))
        super().__init__(f"{event.type} starts {names}: name one of them")


def find_starter(catalog: Catalog, event: Event) -> Machine | Hold | None:
    """The machine whose run the event would start; MACHINE where that is not loaded, None where the event is no start.

    A redriven event starts nothing: it belongs to a run. Raises AmbiguousMachineError.
    """
    if event.redriven_to is not None:
        return None
    if event.machine is not None:
        machine = catalog.latest(event.machine)
        if machine is None:
            return Hold.MACHINE
        return machine if not machine.starts_on or event.type in machine.starts_on else None
    machines = catalog.starting(event.type)
    if len(machines) > 1:
        raise AmbiguousMachineError(event, machines)
    return machines[0] if machines else None


def find_successor(catalog: Catalog, event: Event) -> Machine | Hold | None:
    """Like `find_starter`, for a workflow that has ended: only a type in `starts_on` begins another run."""
    machine = find_starter(catalog, event)
    return None if isinstance(machine, Machine) and event.type not in machine.starts_on else machine


def find_hold(catalog: Catalog, snapshot: Snapshot, event: Event) -> Hold | None:
    """Why the event must wait, or None where it can be applied now. Raises AmbiguousMachineError."""
    if event.source == SOURCE and is_message(event):
        return _find_message_hold(catalog, snapshot, event)
    if snapshot.status == "waiting" or snapshot.ended:
        machine = (find_successor if snapshot.ended else find_starter)(catalog, event)
        if isinstance(machine, Hold):
            return machine
        if snapshot.ended and snapshot.sequence is not None and _is_ahead(snapshot, event):
            return Hold.SEQUENCE
        if snapshot.joining is not None:  # a start is on its way, and this comes behind it
            return Hold.PARENT if snapshot.joining == (event.source, event.id) else Hold.EARLY
        if machine is None:
            return None if snapshot.ended else Hold.EARLY
        return Hold.PARENT if event.parent is not None and event.place is None else None
    if catalog.get(snapshot.machine, event.redriven_to or snapshot.version) is None:
        return Hold.MACHINE
    return Hold.SEQUENCE if _is_ahead(snapshot, event) else None


def _find_message_hold(catalog: Catalog, snapshot: Snapshot, event: Event) -> Hold | None:
    if event.type in (CHILD_STARTED, CHILD_ENDED):
        if snapshot.status == "waiting" or (snapshot.ended and snapshot.joining is not None):
            return Hold.EARLY
    elif event.type != PARENT_ENDED:
        return None
    is_open = snapshot.status != "waiting" and not snapshot.ended
    return Hold.MACHINE if is_open and catalog.get(snapshot.machine, snapshot.version) is None else None


def _is_ahead(snapshot: Snapshot, event: Event) -> bool:
    return event.sequence is not None and event.sequence > expected_sequence(snapshot)


def expected_sequence(snapshot: Snapshot) -> int:
    """The next number; where the start carried none, numbers begin with 0 or 1."""
    return 1 if snapshot.sequence is None else snapshot.sequence + 1


def take_number(snapshot: Snapshot, number: int) -> None:
    """Make `number` the last one taken; lower ones that never were are gaps: one that still comes is no duplicate."""
    expected = LOWEST if snapshot.sequence is None else snapshot.sequence + 1
    snapshot.sequence = number
    if number != expected:
        gaps = [(first, min(last, number - 1)) for first, last in snapshot.gaps if first < number]
        snapshot.gaps = [*gaps, (expected, number - 1)][-GAPS:] if expected < number else gaps


def is_passed(snapshot: Snapshot, event: Event) -> bool:
    """Whether the event's number was already applied or given up."""
    return event.sequence is not None and snapshot.sequence is not None and event.sequence <= snapshot.sequence


def was_given_up(snapshot: Snapshot, event: Event) -> bool:
    """Whether the event's number lies in a gap that was waited for in vain."""
    return event.sequence is not None and any(first <= event.sequence <= last for first, last in snapshot.gaps)
