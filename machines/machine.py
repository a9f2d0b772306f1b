"""A machine: a named, versioned statechart and the facts that Longspan keeps beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from machines.charts import Chart
from machines.journal import Outcome
from machines.source import Source

CHILDREN_DONE = "children.done"  # the chart's event where a rule for children names no other


@dataclass(frozen=True, slots=True)
class Deadline:
    """A durable timer: `after_ns` from entry (event time), then the chart event `send` is sent."""

    after_ns: int
    send: str


@dataclass(frozen=True, slots=True)
class ChildrenRule:
    """When the children of a run are done, so that the chart event `send` is sent: once `wait_for` have ended, or all.

    `expected` names the attribute that says how many there will be; without it, all are those that have started.
    """

    wait_for: int | None = None
    expected: str | None = None
    send: str = CHILDREN_DONE


@dataclass(frozen=True, slots=True)
class Machine:
    """One version of one machine, validated.

    `starts_on` holds event types. `events` maps an event type to the chart's event where that is not the type's
    last dotted part. `deadlines` are by state path, or by the machine's name for the whole workflow. `outcomes` are
    by the path of a final state. `children` are rules by state path, or by the machine's name; `parent_ended` are
    chart events by the outcome of the parent. `renamed_events` and `renamed_states` give today's names of event
    types or chart events, and of state paths, by those of earlier versions. `source` says how its workflows are
    polled, None where they are not. `origin` is the file or `module:Class` that it came from.
    """

    name: str
    version: int
    chart: Chart
    starts_on: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    export: Literal["complete", "progressive"] = "complete"
    trace: Literal["own", "continue"] = "own"
    events: Mapping[str, str] = field(default_factory=dict)
    deadlines: Mapping[str, Deadline] = field(default_factory=dict)
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    children: Mapping[str, ChildrenRule] = field(default_factory=dict)
    parent_ended: Mapping[str, str] = field(default_factory=dict)
    renamed_events: Mapping[str, str] = field(default_factory=dict)
    renamed_states: Mapping[str, str] = field(default_factory=dict)
    source: Source | None = None
    origin: str = ""

    def chart_event(self, event_type: str) -> str:
        """The chart's event for an event type."""
        renamed = self.renamed_events
        if renamed:
            event_type = renamed.get(event_type) or renamed.get(event_type.rpartition(".")[2]) or event_type
        return self.events.get(event_type) or event_type.rpartition(".")[2]
