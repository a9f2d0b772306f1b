"""The simplest fold: valid entries of the ingress stream, in order, to the runs of each workflow."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from machines.instants import parse_instant
from machines.machine import Machine
from tests.oracle.runs import Applied, Arrival, Run, advance, begin, fire, join, look_at_children


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
            self._release(workflow)

    def pass_time(self, until_ms: int) -> None:
        """Let nothing arrive any more until `until_ms`, milliseconds since the epoch."""
        for workflow in self.workflows.values():
            while workflow.running and workflow.runs[-1].deadlines:
                first = min(workflow.runs[-1].deadlines.values())
                if first.due_ns > until_ms * 1_000_000:
                    break
                fire(workflow.runs[-1], first)
                self._release(workflow)

    def _release(self, workflow: Workflow) -> None:
        while ready := [waiting for waiting in workflow.waiting if self._ready(workflow, waiting)]:
            if workflow.running:
                deadlines = workflow.runs[-1].deadlines.values()
                if any(deadline.goes_before(ready[0]) for deadline in deadlines):
                    fire(workflow.runs[-1], min(deadlines))
                    continue
            workflow.waiting.remove(ready[0])
            self._take(workflow, ready[0])
            if workflow.runs:
                self._relate(workflow.runs[-1], ready[0])

    def _relate(self, run: Run, arrival: Arrival) -> None:
        """What an event of a run means to its parent, which must have begun before it, and to itself as a parent."""
        parent = self.workflows.get(arrival.parent or "")
        if parent is not None and parent.running and arrival is run.records[0].arrival:
            join(run, arrival.parent or "", parent.runs[-1])
        look_at_children(run, arrival.time_ns)
        if run.end is not None and run.end.arrival is arrival and run.place is not None:
            look_at_children(run.place.run, arrival.time_ns)

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
                workflow.runs.append(begin(machine, len(workflow.runs) + 1, arrival))
            return
        run = workflow.runs[-1]
        if arrival.sequence is not None:
            if arrival.sequence <= workflow.sequence:
                if arrival.sequence not in workflow.taken:
                    run.records.append(Applied(arrival, rejected=True))
                return
            workflow.sequence = arrival.sequence
            workflow.taken.add(arrival.sequence)
        advance(run, arrival)


def _read(attributes: Mapping[str, Any], position: str) -> Arrival:
    time = attributes.get("time")
    arrived_ns = int(position.partition("-")[0]) * 1_000_000
    return Arrival(
        id=attributes["id"],
        source=attributes.get("source", ""),
        type=attributes["type"],
        machine=attributes.get("machine"),
        time_ns=parse_instant(time) if time is not None else arrived_ns,
        data=json.loads(attributes["data"]) if attributes.get("data") else {},
        traceparent=attributes.get("traceparent"),
        tracestate=attributes.get("tracestate"),
        sequence=int(attributes["sequence"]) if "sequence" in attributes else None,
        parent=attributes.get("parent"),
        arrived_ns=arrived_ns,
    )
