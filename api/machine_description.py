"""Machines as the API describes them: the same names in `longspan machines --json`."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from machines.journal import Outcome
from machines.machine import Machine


class MachineDeadline(msgspec.Struct, frozen=True):
    """A timer that starts when its state is entered; then the event `send` is sent to the chart."""

    after_seconds: float
    send: str


class MachineVersion(msgspec.Struct, frozen=True):
    """One version of a machine. `states` are paths in document order, `final` those of them that are final; `accepts`
    are the events that its chart knows, `events` gives the chart's event for an event type where that is not the type's
    last dotted part; `deadlines` are by path, or by the machine's name for the whole workflow; `outcomes` by path."""

    machine: str
    version: int
    starts_on: Annotated[list[str], Meta(description="Event types that start a workflow.")]
    states: list[str]
    final: list[str]
    accepts: list[str]
    events: dict[str, str]
    attributes: list[str]
    deadlines: dict[str, MachineDeadline]
    outcomes: dict[str, Outcome]
    export: Literal["complete", "progressive"]
    trace: Literal["own", "continue"]


def describe_machine(machine: Machine) -> MachineVersion:
    """One version of a machine."""
    chart = machine.chart
    return MachineVersion(
        machine=machine.name,
        version=machine.version,
        starts_on=list(machine.starts_on),
        states=list(chart.paths.values()),
        final=[path for state, path in chart.paths.items() if state in chart.final],
        accepts=sorted(chart.events),
        events=dict(machine.events),
        attributes=list(machine.attributes),
        deadlines={
            path: MachineDeadline(deadline.after_ns / 1e9, deadline.send)
            for path, deadline in machine.deadlines.items()
        },
        outcomes=dict(machine.outcomes),
        export=machine.export,
        trace=machine.trace,
    )
