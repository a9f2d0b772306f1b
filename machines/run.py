"""One run of a workflow: how an event that may be applied changes the snapshot, and the record it leaves."""

from collections.abc import Mapping

import msgspec

from machines.admission import take_number
from machines.attributes import collect
from machines.catalog import Catalog
from machines.errors import MachinesError
from machines.events import Event, error_text, read_data
from machines.interpreter import Answer, Interpreter, RefusalError
from machines.journal import JOURNAL_FORMAT, Header, Outcome, Record, Result
from machines.kinship import chart_event
from machines.machine import Machine
from machines.messages import SOURCE
from machines.moves import Moves
from machines.snapshot import Children, Snapshot
from machines.timeouts import arrival_ns, cancel_deadline, deadline_key, is_deadline, set_deadline

_SEVERITY: dict[Outcome, int] = {"ok": 0, "cancelled": 1, "timeout": 2, "error": 3}


class StartError(MachinesError):
    """A workflow that cannot begin, since its chart fails on entry."""


class Interpreters:
    """The interpreter of each machine, made when it is first needed."""

    def __init__(self, catalog: Catalog, *, remember: bool = True) -> None:
        self.catalog = catalog
        self._remember = remember
        self._made: dict[tuple[str, int], Interpreter] = {}
        self._moves: dict[tuple[str, int], Moves | None] = {}

    def of(self, machine: Machine) -> Interpreter:
        """The interpreter of one version of a machine."""
        key = (machine.name, machine.version)
        interpreter = self._made.get(key)
        if interpreter is None:
            interpreter = self._made[key] = Interpreter(machine.chart, remember=self._remember)
        return interpreter

    def moves(self, name: str, version: int) -> Moves | None:
        """The moves of one version of a machine; None where it is not loaded, or more than active states decides."""
        try:
            return self._moves[name, version]
        except KeyError:
            machine = self.catalog.get(name, version)
            decided = machine is not None and not machine.children and self.of(machine).remembers
            moves = Moves(machine, self.of(machine)) if machine is not None and decided else None
            if machine is not None:
                self._moves[name, version] = moves
            return moves


def begin(
    machine: Machine, interpreter: Interpreter, snapshot: Snapshot, event: Event, now_ms: int
) -> tuple[Header, Record]:
    """Start the next run with its first event. Raises StartError, and leaves the snapshot as it was."""
    data = read_data(event) if event.data else {}
    attributes = collect(machine.attributes, data)
    try:
        answer = interpreter.start(data, attributes)
    except RefusalError as refusal:
        raise StartError(str(refusal)) from refusal
    refused = None
    if event.type not in machine.starts_on and not answer.ended:
        entered = answer.steps
        try:
            answer = interpreter.send(answer.situation, machine.chart_event(event.type), data, attributes)
            answer = Answer(answer.situation, entered + answer.steps, answer.ended, answer.finals)
        except RefusalError as refusal:
            refused = str(refusal)
    snapshot.machine, snapshot.version, snapshot.run = machine.name, machine.version, snapshot.run + 1
    snapshot.status, snapshot.ended_ns, snapshot.reason = "running", None, None
    snapshot.attributes = {}
    snapshot.started_ns = event.time_ns
    snapshot.entries = 1
    snapshot.pending_spans = snapshot.pending_bytes = 0
    snapshot.states, snapshot.deadlines, snapshot.overdue = {}, {}, {}
    snapshot.visits, snapshot.children, snapshot.done, snapshot.in_parts = {}, Children(), {}, False
    snapshot.brief = True
    snapshot.place, snapshot.caller, snapshot.joining = event.place, _find_caller(machine, event), None
    if event.sequence is None:
        snapshot.sequence, snapshot.gaps = None, []
    else:
        take_number(snapshot, event.sequence)
    snapshot.parent, snapshot.progressive = event.parent, machine.export == "progressive"
    arrived_ns = arrival_ns(event, now_ms, snapshot)
    if machine.name in machine.deadlines:
        due_ns = event.time_ns + machine.deadlines[machine.name].after_ns
        set_deadline(snapshot, machine.name, due_ns, arrived_ns)
    header = Header(
        JOURNAL_FORMAT,
        machine.name,
        machine.version,
        snapshot.run,
        list(machine.attributes),
        machine.export,
        machine.trace,
    )
    known = attributes if refused is None else None
    record = _settle(machine, snapshot, event, now_ms, arrived_ns, answer, data, known, refused)
    if event.place is not None and event.place.apart is not None:
        record = add_reason(record, event.place.apart)
    return header, record


def advance(machine: Machine, interpreter: Interpreter, snapshot: Snapshot, event: Event, now_ms: int) -> Record:
    """Apply an event to the running chart, or record that it was rejected and why. A deadline has fired by that."""
    if event.machine is not None and event.machine != machine.name:
        return reject(snapshot, event, f"the workflow runs {machine.name}, the event names {event.machine}")
    data = read_data(event) if event.data else {}
    attributes = {**snapshot.attributes, **collect(machine.attributes, data)}
    arrived_ns = None
    name = machine.chart_event(event.type) if event.source != SOURCE else chart_event(machine, event)
    if name is None:
        return reject(snapshot, event, f"{machine.name} version {machine.version} has no event for this any more")
    if is_deadline(event):
        arrived_ns = arrival_ns(event, now_ms, snapshot)
        cancel_deadline(snapshot, deadline_key(event))
        deadline = machine.deadlines.get(deadline_key(event))
        if deadline is None:
            return reject(snapshot, event, f"{machine.name} has no deadline {deadline_key(event)} any more")
        name = deadline.send
    try:
        answer = interpreter.send(snapshot.situation, name, data, attributes)
    except RefusalError as refusal:
        return reject(snapshot, event, str(refusal))
    return _settle(machine, snapshot, event, now_ms, arrived_ns, answer, data, attributes, None)


def reject(snapshot: Snapshot, event: Event, reason: str) -> Record:
    """The record of an event that the chart does not take."""
    snapshot.entries += 1
    snapshot.updated_ns = event.time_ns
    return Record(event, "rejected", [], reason)


def note_late(snapshot: Snapshot, event: Event) -> Record:
    """The record of an event that came after the end."""
    snapshot.entries += 1
    if event.sequence is not None:
        snapshot.sequence = max(event.sequence, event.sequence if snapshot.sequence is None else snapshot.sequence)
    return Record(event, "late", [], f"the run had ended with {snapshot.status}")


def add_reason(record: Record, reason: str) -> Record:
    """The record, with one more thing that was odd."""
    return msgspec.structs.replace(record, reason=f"{record.reason}; {reason}" if record.reason else reason)


def _find_caller(machine: Machine, event: Event) -> tuple[str, str | None] | None:
    """What a run continues that is not among the parts of another."""
    if machine.trace != "continue" or event.traceparent is None or (event.place is not None and event.place.machine):
        return None
    return event.traceparent, event.tracestate


def _settle(
    machine: Machine,
    snapshot: Snapshot,
    event: Event,
    now_ms: int,
    arrived_ns: int | None,
    answer: Answer,
    data: dict[str, object],
    attributes: Mapping[str, object] | None,
    reason: str | None,
) -> Record:
    if attributes is not None:
        snapshot.attributes = dict(attributes)
    snapshot.situation = answer.situation
    snapshot.updated_ns = event.time_ns
    snapshot.entries += 1
    states, visits = snapshot.states, snapshot.visits
    for step in answer.steps:
        path = step[1:]
        if step[0] == "+":
            states[path] = event.time_ns
            if visits is not None:
                visits[path] = visits.get(path, 0) + 1
            if path in machine.deadlines:
                if arrived_ns is None:
                    arrived_ns = arrival_ns(event, now_ms, snapshot)
                set_deadline(snapshot, path, event.time_ns + machine.deadlines[path].after_ns, arrived_ns)
        elif step[0] == "-":
            snapshot.pending_spans += 1
            states.pop(path, None)
            cancel_deadline(snapshot, path)
    result: Result = "applied" if reason is None else "rejected"
    outcome: Outcome | None = None
    if answer.ended:
        outcome = _conclude(machine, snapshot, event, answer, data)
        reason = reason or (None if error_text(data) else snapshot.reason)
    return Record(event, result, list(answer.steps), reason, outcome)


def _conclude(machine: Machine, snapshot: Snapshot, event: Event, answer: Answer, data: dict[str, object]) -> Outcome:
    outcomes: list[tuple[Outcome, str]] = [(machine.outcomes.get(path, "ok"), path) for path in answer.finals]
    outcome, final = max(outcomes, key=lambda found: _SEVERITY[found[0]])
    snapshot.status, snapshot.ended_ns = outcome, event.time_ns
    snapshot.deadlines, snapshot.overdue = {}, {}
    if outcome in ("error", "timeout"):
        snapshot.reason = error_text(data) or f"{event.type} led to {final}"
    return outcome
