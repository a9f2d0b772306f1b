"""A machine: a named, versioned statechart and the facts that Longspan keeps beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from machines.charts import Chart
from machines.journal import Outcome


@dataclass(frozen=True, slots=True)
class Deadline:
    """A durable timer: `after_ns` from entry (event time), then the chart event `send` is sent."""

    after_ns: int
    send: str


@dataclass(frozen=True, slots=True)
class Machine:
    """One version of one machine, validated.

    `starts_on` holds event types. `events` maps an event type to the chart's event where that is not the type's last
    dotted part. `deadlines` are by state path, or by the machine's name for the whole workflow. `outcomes` are by the
    path of a final state. `renamed_events` and `renamed_states` give today's names of event types or chart events, and
    of state paths, by those of earlier versions. `origin` is the file or `module:Class` that it came from.
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
    renamed_events: Mapping[str, str] = field(default_factory=dict)
    renamed_states: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""

    def chart_event(self, event_type: str) -> str:
        """The chart's event for an event type."""
        renamed = self.renamed_events
        if renamed:
            event_type = renamed.get(event_type) or renamed.get(event_type.rpartition(".")[2]) or event_type
        return self.events.get(event_type) or event_type.rpartition(".")[2]
