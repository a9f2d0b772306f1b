"""Redriven events: applied once more by the machine version that they name, to which their workflow moves first."""

import msgspec

from machines import recollection
from machines.events import Event
from machines.journal import Record
from machines.run import Interpreters, advance, reject
from machines.snapshot import Snapshot
from machines.succession import MisfitError, move


def is_settled(seen: bytes, pages: recollection.Pages, event: Event) -> bool:
    """Whether a redriven event has been applied by an earlier redrive, to this version or another."""
    return event.redriven_to is not None and pages.knows(seen, recollection.settlement(event))


def redrive(interpreters: Interpreters, snapshot: Snapshot, event: Event, now_ms: int) -> Record:
    """Apply a redriven event to a running workflow; rejected, and nothing moves, where the workflow does not fit.

    The version that the event names must be loaded. Once moved, the workflow stays on it, whatever the chart says to
    the event. `now_ms` is the time by the worker's clock.
    """
    catalog, version = interpreters.catalog, event.redriven_to or snapshot.version
    machine = catalog.get(snapshot.machine, version)
    assert machine is not None, "what find_hold lets pass has its machine"
    if version == snapshot.version:
        return advance(machine, interpreters.of(machine), snapshot, event, now_ms)
    try:
        moved = move(snapshot, machine, catalog.get(snapshot.machine, snapshot.version))
    except MisfitError as error:
        return reject(snapshot, event, str(error))
    for step in moved:
        if step[0] == "+":
            snapshot.states[step[1:]] = event.time_ns
            if snapshot.visits is not None:
                snapshot.visits[step[1:]] = snapshot.visits.get(step[1:], 0) + 1
    record = advance(machine, interpreters.of(machine), snapshot, event, now_ms)
    declared = list(machine.attributes)
    return msgspec.structs.replace(record, steps=moved + record.steps, version=version, attributes=declared)
