"""Workflows and their events as the status API describes them: the same names in `longspan status --json`."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from api.links import WorkflowLinks, workflow_links
from machines.events import read_data
from machines.instants import format_instant
from machines.journal import Outcome, Record, Result
from machines.snapshot import Status
from streams.status import WorkflowView

Instant = Annotated[str, Meta(description="RFC 3339, UTC.", extra_json_schema={"format": "date-time"})]


class Workflow(msgspec.Struct, frozen=True, kw_only=True):
    """One workflow. `states` are the active ones with the time of entry, `overdue` those of the `deadlines` that are
    due and have not been applied, `waiting` counts events that wait for others. Times are event times. `children` are
    the newest of the workflows that are part of it, at most 100; null in lists, which do not look for them."""

    id: str
    machine: str | None
    version: int | None
    run: int | None
    status: Status
    states: dict[str, Instant]
    attributes: dict[str, Any]
    started_at: Instant | None
    updated_at: Instant | None
    ended_at: Instant | None
    reason: str | None
    trace_id: str | None
    deadlines: dict[str, Instant]
    overdue: list[str]
    waiting: int
    parent: str | None
    children: list[str] | None
    links: WorkflowLinks


class JournalEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event of a journal: what it was, and what it did. `index` counts from 1 within the run. `left` and `entered`
    are states. Of a rejected event `reason` says why; `version` is what the run moved to with it."""

    index: int
    time: Instant
    type: str
    id: str
    source: str
    result: Result
    reason: str | None = None
    left: list[str]
    entered: list[str]
    outcome: Outcome | None = None
    version: int | None = None
    sequence: int | None = None
    position: str
    traceparent: str | None = None
    data: dict[str, Any] | None = None


def describe_workflow(
    view: WorkflowView, trace: str | None, now_ms: int, trace_link: str | None, children: list[str] | None = None
) -> Workflow:
    """A workflow as it stands at `now_ms`. `trace` is the id of its trace, None where it has none yet; `trace_link` the
    URL of one with `{trace_id}` in it; `children` are None where they were not looked for."""
    snapshot = view.snapshot
    return Workflow(
        id=view.id,
        machine=snapshot.machine or None,
        version=snapshot.version or None,
        run=snapshot.run or None,
        status=snapshot.status,
        states={path: format_instant(entered_ns) for path, entered_ns in snapshot.states.items()},
        attributes=snapshot.attributes,
        started_at=_instant(snapshot.started_ns),
        updated_at=_instant(snapshot.updated_ns),
        ended_at=_instant(snapshot.ended_ns),
        reason=snapshot.reason,
        trace_id=trace,
        deadlines={path: format_instant(due_ns) for path, due_ns in snapshot.deadlines.items()},
        overdue=list(view.overdue(now_ms)),
        waiting=snapshot.waiting,
        parent=snapshot.parent,
        children=children,
        links=workflow_links(view.id, snapshot.machine, snapshot.parent, children, trace, trace_link),
    )


def describe_record(index: int, record: Record) -> JournalEvent:
    """The record that is the `index`th of its journal, counted from 1."""
    event = record.event
    return JournalEvent(
        index=index,
        time=format_instant(event.time_ns),
        type=event.type,
        id=event.id,
        source=event.source,
        result=record.result,
        reason=record.reason,
        left=[step[1:] for step in record.steps if step[0] == "-"],
        entered=[step[1:] for step in record.steps if step[0] in "+*"],
        outcome=record.outcome,
        version=record.version,
        sequence=event.sequence,
        position=event.position,
        traceparent=event.traceparent,
        data=read_data(event) if event.data else None,
    )


def _instant(instant_ns: int | None) -> str | None:
    return format_instant(instant_ns) if instant_ns else None
