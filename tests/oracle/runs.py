"""One run of a workflow: what an event does to it, and what the passing of time does."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from machines.durations import format_duration
from machines.machine import Machine
from tests.oracle.chart import LiveChart, NotTakenError


@dataclass
class Arrival:
    """One event, read."""

    id: str
    source: str
    type: str
    machine: str | None
    time_ns: int
    data: dict[str, Any]
    traceparent: str | None
    tracestate: str | None
    sequence: int | None
    parent: str | None
    arrived_ns: int


@dataclass
class Applied:
    """What one event did: a reason where it was rejected (None in `reason` with `rejected`: any text will do)."""

    arrival: Arrival
    steps: list[str] = field(default_factory=list)
    rejected: bool = False
    reason: str | None = None
    outcome: str | None = None


@dataclass(frozen=True, order=True)
class Deadline:
    """A deadline that runs: when it is due, for which state or machine, since when, and when that was known."""

    due_ns: int
    key: str
    since_ns: int
    set_ns: int

    def goes_before(self, arrival: Arrival) -> bool:
        """Whether it fires first, though the event may have arrived already."""
        told_afterwards = self.set_ns >= self.due_ns
        return self.due_ns <= arrival.arrived_ns and (not told_afterwards or self.due_ns <= arrival.time_ns)


@dataclass
class Place:
    """Where a child stands: the parent's run, and the visit of the state that it was in when the child began."""

    parent: str
    run: "Run"
    state: str
    visit: int


@dataclass
class Run:
    """One life of a workflow. `told` are the rules for children, with the visit, that have come true."""

    machine: Machine
    number: int
    chart: LiveChart
    attributes: dict[str, Any]
    records: list[Applied]
    deadlines: dict[str, Deadline] = field(default_factory=dict)
    place: Place | None = None
    children: list["Run"] = field(default_factory=list)
    told: set[tuple[str, int]] = field(default_factory=set)

    @property
    def ended(self) -> bool:
        return any(record.outcome for record in self.records)

    @property
    def end(self) -> Applied | None:
        """The record that ended it."""
        return next((record for record in self.records if record.outcome), None)

    @property
    def active(self) -> dict[str, int]:
        """The states that it is in, in the order of entry, with their visits."""
        visits: dict[str, int] = {}
        active: dict[str, int] = {}
        for step in (step for record in self.records for step in record.steps):
            if step[0] == "+":
                visits[step[1:]] = active[step[1:]] = visits.get(step[1:], 0) + 1
            elif step[0] == "-":
                del active[step[1:]]
        return active


def begin(machine: Machine, number: int, arrival: Arrival) -> Run:
    """A new run, with its first event."""
    known = _collect(machine, arrival.data)
    run = Run(machine, number, LiveChart(machine.chart.chart_class, arrival.data, known), known, [])
    applied = Applied(arrival, list(run.chart.first_steps))
    if not machine.starts_on:
        try:
            applied.steps += run.chart.send(_chart_event(machine, arrival), arrival.data, known)
        except NotTakenError as error:
            run.attributes = {}
            applied.rejected, applied.reason = True, error.reason
    _set_deadline(run, machine.name, arrival)
    _settle(run, applied)
    return run


def advance(run: Run, arrival: Arrival) -> None:
    """Send an event to a run."""
    if arrival.machine not in (None, run.machine.name):
        run.records.append(Applied(arrival, rejected=True))
    else:
        _send(run, arrival, _chart_event(run.machine, arrival))


def fire(run: Run, deadline: Deadline) -> None:
    """Let a deadline pass: an event of its own."""
    del run.deadlines[deadline.key]
    took = format_duration(deadline.due_ns - deadline.since_ns)
    fired = Arrival(
        id=f"{deadline.key}@{run.number}.{deadline.due_ns}",
        source="longspan",
        type="longspan.deadline",
        machine=None,
        time_ns=deadline.due_ns,
        data={"error": f"{deadline.key} took longer than {took}", "deadline": deadline.key},
        traceparent=None,
        tracestate=None,
        sequence=None,
        parent=None,
        arrived_ns=max(deadline.due_ns, deadline.set_ns),
    )
    _send(run, fired, run.machine.deadlines[deadline.key].send)


def join(child: Run, parent: str, run: Run) -> None:
    """Make a run that has just begun the child of another that runs."""
    state, visit = next(reversed(run.active.items()), ("", 0))
    child.place = Place(parent, run, state, visit)
    run.children.append(child)


def look_at_children(run: Run, time_ns: int) -> None:
    """Tell the chart of a run which of its rules for children have come true, each once a visit."""
    ends = [child.end.outcome for child in run.children if child.end is not None]
    counts = {outcome: ends.count(outcome) for outcome in ("ok", "error", "timeout", "cancelled")}
    for key, rule in run.machine.children.items():
        visit = run.active.get(key, 0)
        if run.ended or (key, visit) in run.told or not (visit or key == run.machine.name):
            continue
        expected: float = len(run.children) or 1
        if rule.expected is not None:
            said = run.attributes.get(rule.expected)
            expected = said if type(said) is int else math.inf
        if len(ends) < (expected if rule.wait_for is None else min(rule.wait_for, expected)):
            continue
        run.told.add((key, visit))
        done = Arrival(
            id=f"children.done:{run.number}.{visit}:{key}",
            source="longspan",
            type="longspan.children.done",
            machine=None,
            time_ns=time_ns,
            data={"children": {"started": len(run.children), **counts}},
            traceparent=None,
            tracestate=None,
            sequence=None,
            parent=None,
            arrived_ns=time_ns,
        )
        _send(run, done, rule.send)


def _send(run: Run, arrival: Arrival, event: str) -> None:
    known = run.attributes | _collect(run.machine, arrival.data)
    try:
        steps = run.chart.send(event, arrival.data, known)
    except NotTakenError as error:
        run.records.append(Applied(arrival, rejected=True, reason=error.reason))
        return
    run.attributes = known
    _settle(run, Applied(arrival, steps))


def _chart_event(machine: Machine, arrival: Arrival) -> str:
    return machine.events.get(arrival.type) or arrival.type.rpartition(".")[2]


def _settle(run: Run, applied: Applied) -> None:
    run.records.append(applied)
    for step in applied.steps:
        if step[0] == "+":
            _set_deadline(run, step[1:], applied.arrival)
        else:
            run.deadlines.pop(step[1:], None)
    if run.chart.ended:
        run.deadlines.clear()
        outcomes = [run.machine.outcomes.get(final, "ok") for final in run.chart.finals]
        applied.outcome = max(outcomes, key=["ok", "cancelled", "timeout", "error"].index)


def _set_deadline(run: Run, key: str, arrival: Arrival) -> None:
    if key in run.machine.deadlines:
        due_ns = arrival.time_ns + run.machine.deadlines[key].after_ns
        run.deadlines[key] = Deadline(due_ns, key, arrival.time_ns, arrival.arrived_ns)


def _collect(machine: Machine, data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: attribute(data[name]) for name in machine.attributes if data.get(name) is not None}


def attribute(value: Any) -> Any:
    """A value of the data as a span carries it."""
    if isinstance(value, str | bool | float):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, list) and value and len({type(item) for item in value}) == 1:
        if isinstance(value[0], str | bool | float):
            return value
        if isinstance(value[0], int) and all(-(2**63) <= item < 2**63 for item in value):
            return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
