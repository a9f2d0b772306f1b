"""Machines as the API describes them: the same names in `longspan machines --json`."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from machines.journal import Outcome
from machines.machine import Machine
from machines.source import Request


class MachineDeadline(msgspec.Struct, frozen=True):
    """A timer that starts when its state is entered; then the event `send` is sent to the chart."""

    after_seconds: float
    send: str


class MachineChildren(msgspec.Struct, frozen=True):
    """What a state waits for of its workflow's children, and the chart's event `send` that says it has come true.
    `expected` is the attribute that says how many there will be."""

    wait_for: int | Literal["all"]
    expected: str | None
    send: str


class MachineVersion(msgspec.Struct, frozen=True):
    """One version of a machine. `states` are paths in document order, `final` those of them that are final; `accepts`
    are the events that its chart knows, `events` gives the chart's event for an event type where that is not the type's
    last dotted part; `deadlines` and `children` are by path, or by the machine's name for the whole workflow; and
    `outcomes` by path. `parent_ended` gives the chart's event for the outcome of a parent. `source` is the URL that is
    polled, with names where something is put in, and without its query; `list` that of the collection that starts
    workflows."""

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
    children: dict[str, MachineChildren]
    parent_ended: dict[str, str]
    source: str | None
    collection: str | None = msgspec.field(name="list")  # a field of that name would hide `list` from the types above
    export: Literal["complete", "progressive"]
    trace: Literal["own", "continue"]


def describe_machine(machine: Machine) -> MachineVersion:
    """One version of a machine."""
    chart, source = machine.chart, machine.source
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
        children={
            path: MachineChildren("all" if rule.wait_for is None else rule.wait_for, rule.expected, rule.send)
            for path, rule in machine.children.items()
        },
        parent_ended=dict(machine.parent_ended),
        source=None if source is None else _show(source.request),
        collection=None if source is None or source.collection is None else _show(source.collection.request),
        export=machine.export,
        trace=machine.trace,
    )


def _show(request: Request) -> str:
    return request.url.text.partition("?")[0]
