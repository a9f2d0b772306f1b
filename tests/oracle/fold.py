"""The simplest fold: valid entries of the ingress stream, in order, to the runs of each workflow."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from machines.instants import parse_instant
from machines.machine import Machine
from tests.oracle.chart import LiveChart, NotTakenError


@dataclass(frozen=True)
class Entry:
    """An entry as it stands in the ingress stream: its id (`<ms>-<seq>`) and its fields."""

    position: str
    fields: Mapping[str, str]

    @property
    def attributes(self) -> dict[str, Any]:
        """The CloudEvents attributes, `data` as JSON text."""
        if "event" not in self.fields:
            return dict(self.fields)
        event = json.loads(self.fields["event"])
        return {name: json.dumps(value) if name == "data" else str(value) for name, value in event.items()}


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


@dataclass
class Applied:
    """What one event did: a reason where it was rejected (None in `reason` with `rejected`: any text will do)."""

    arrival: Arrival
    steps: list[str] = field(default_factory=list)
    rejected: bool = False
    reason: str | None = None
    outcome: str | None = None


@dataclass
class Run:
    """One life of a workflow."""

    machine: Machine
    number: int
    chart: LiveChart
    attributes: dict[str, Any]
    records: list[Applied]

    @property
    def ended(self) -> bool:
        return any(record.outcome for record in self.records)


@dataclass
class Workflow:
    """All that is remembered of one workflow.

    `waiting` are events before their start or before their number; `taken` the numbers up to `sequence` that came.
    """

    runs: list[Run] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)
    waiting: list[Arrival] = field(default_factory=list)
    sequence: int = 0
    taken: set[int] = field(default_factory=set)
    late: list[Arrival] = field(default_factory=list)

    @property
    def running(self) -> bool:
        """Whether a run is open."""
        return bool(self.runs) and not self.runs[-1].ended


class Fold:
    """Folds entries one after another; `workflows` holds the result by workflow id."""

    def __init__(self, machines: Iterable[Machine]) -> None:
        self.machines = {machine.name: machine for machine in sorted(machines, key=lambda machine: machine.version)}
        self.workflows: dict[str, Workflow] = {}

    def feed(self, entries: Iterable[Entry]) -> None:
        """Fold more entries."""
        for entry in entries:
            attributes = entry.attributes
            workflow = self.workflows.setdefault(attributes["subject"], Workflow())
            arrival = _read(attributes, entry.position)
            if (arrival.source, arrival.id) in workflow.seen:
                continue
            workflow.seen.add((arrival.source, arrival.id))
            workflow.waiting.append(arrival)
            while ready := [waiting for waiting in workflow.waiting if self._ready(workflow, waiting)]:
                workflow.waiting.remove(ready[0])
                self._take(workflow, ready[0])

    def _ready(self, workflow: Workflow, arrival: Arrival) -> bool:
        if not workflow.runs:
            return self._starting(arrival) is not None
        return arrival.sequence is None or arrival.sequence <= workflow.sequence + 1

    def _starting(self, arrival: Arrival) -> Machine | None:
        if arrival.machine is not None:
            machine = self.machines[arrival.machine]
            return machine if arrival.type in machine.starts_on or not machine.starts_on else None
        candidates = [machine for machine in self.machines.values() if arrival.type in machine.starts_on]
        return candidates[0] if len(candidates) == 1 else None

    def _take(self, workflow: Workflow, arrival: Arrival) -> None:
        if not workflow.running:
            machine = self._starting(arrival)
            if machine is None or (workflow.runs and arrival.type not in machine.starts_on):
                workflow.late.append(arrival)
                workflow.sequence = max(workflow.sequence, arrival.sequence or 0)
                workflow.taken.add(arrival.sequence or 0)
            else:
                workflow.sequence = arrival.sequence or 0
                workflow.taken = {number for number in workflow.taken if number < workflow.sequence}
                workflow.taken.add(workflow.sequence)
                workflow.runs.append(_begin(machine, len(workflow.runs) + 1, arrival))
            return
        run = workflow.runs[-1]
        if arrival.sequence is not None:
            if arrival.sequence <= workflow.sequence:
                if arrival.sequence not in workflow.taken:
                    run.records.append(Applied(arrival, rejected=True))
                return
            workflow.sequence = arrival.sequence
            workflow.taken.add(arrival.sequence)
        if arrival.machine not in (None, run.machine.name):
            run.records.append(Applied(arrival, rejected=True))
            return
        known = run.attributes | _collect(run.machine, arrival.data)
        try:
            steps = run.chart.send(_chart_event(run.machine, arrival), arrival.data, known)
        except NotTakenError as error:
            run.records.append(Applied(arrival, rejected=True, reason=error.reason))
            return
        run.attributes = known
        run.records.append(_ending(run, Applied(arrival, steps)))


def _begin(machine: Machine, number: int, arrival: Arrival) -> Run:
    known = _collect(machine, arrival.data)
    run = Run(machine, number, LiveChart(machine.chart.chart_class, arrival.data, known), known, [])
    applied = Applied(arrival, list(run.chart.first_steps))
    if not machine.starts_on:
        try:
            applied.steps += run.chart.send(_chart_event(machine, arrival), arrival.data, known)
        except NotTakenError as error:
            run.attributes = {}
            applied.rejected, applied.reason = True, error.reason
    run.records.append(_ending(run, applied))
    return run


def _chart_event(machine: Machine, arrival: Arrival) -> str:
    return machine.events.get(arrival.type) or arrival.type.rpartition(".")[2]


def _ending(run: Run, applied: Applied) -> Applied:
    if run.chart.ended:
        outcomes = [run.machine.outcomes.get(final, "ok") for final in run.chart.finals]
        applied.outcome = max(outcomes, key=["ok", "cancelled", "timeout", "error"].index)
    return applied


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


def _read(attributes: Mapping[str, Any], position: str) -> Arrival:
    time = attributes.get("time")
    return Arrival(
        id=attributes["id"],
        source=attributes.get("source", ""),
        type=attributes["type"],
        machine=attributes.get("machine"),
        time_ns=parse_instant(time) if time is not None else int(position.partition("-")[0]) * 1_000_000,
        data=json.loads(attributes["data"]) if attributes.get("data") else {},
        traceparent=attributes.get("traceparent"),
        tracestate=attributes.get("tracestate"),
        sequence=int(attributes["sequence"]) if "sequence" in attributes else None,
        parent=attributes.get("parent"),
    )
