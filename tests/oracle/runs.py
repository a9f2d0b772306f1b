"""One run of a workflow: what an event does to it, and what the passing of time does."""

import json
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
class Run:
    """One life of a workflow."""

    machine: Machine
    number: int
    chart: LiveChart
    attributes: dict[str, Any]
    records: list[Applied]
    deadlines: dict[str, Deadline] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        return any(record.outcome for record in self.records)


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
