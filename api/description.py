"""Workflows and their events as the status API describes them: the same names in `longspan status --json`."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from api.links import WorkflowLinks, workflow_links
from machines.events import read_data
from machines.instants import format_instant
from machines.journal import Outcome, Record, Result
from machines.place import Place
from machines.snapshot import Children, Status
from streams.status import WorkflowView
from streams.troubles import Trouble

Instant = Annotated[str, Meta(description="RFC 3339, UTC.", extra_json_schema={"format": "date-time"})]


class ChildrenByStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How many children have started, how many of them run, and how many have ended by outcome."""

    started: int
    running: int
    ok: int
    error: int
    timeout: int
    cancelled: int


class WorkflowPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a workflow stands within its parent: in which state of it, empty for none. `depth` is 1 below `topmost`.
    `apart` says why it has a trace of its own; null where it is in the trace of `topmost`."""

    parent: str
    parent_run: int | None
    state: str
    topmost: str
    depth: int
    apart: str | None


class PollingTrouble(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps a workflow, or a list, from being polled: a `kind` such as `timeout` or `status-404`, and a `detail`
    for people."""

    kind: str
    detail: str
    since: Instant


class Workflow(msgspec.Struct, frozen=True, kw_only=True):
    """One workflow. `states` are the active ones with the time of entry, `overdue` those of the `deadlines` that are
    due and have not been applied, `waiting` counts events that wait for others. Times are event times. `children` are
    the newest of the workflows that are part of it, at most 100; null in lists, which do not look for them.
    `children_by_status` counts all of its run; null where there are none. `place` is null where it has no parent, or
    has not begun. `trouble` is what is wrong with polling it; null where nothing is, and in lists."""

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
    trouble: PollingTrouble | None
    parent: str | None
    place: WorkflowPlace | None
    children: list[str] | None
    children_by_status: ChildrenByStatus | None
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
    view: WorkflowView,
    trace: str | None,
    now_ms: int,
    trace_link: str | None,
    children: list[str] | None = None,
    trouble: Trouble | None = None,
) -> Workflow:
    """A workflow as it stands at `now_ms`. `trace` is the id of its trace, None where it has none yet; `trace_link` the
    URL of one with `{trace_id}` in it; `children` are None where they were not looked for; `trouble` is what is wrong
    with polling it."""
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
        trouble=None if trouble is None else describe_trouble(trouble),
        parent=snapshot.parent,
        place=None if snapshot.place is None else describe_place(snapshot.place),
        children=children,
        children_by_status=count_children(snapshot.children),
        links=workflow_links(
            view.id,
            snapshot.machine,
            snapshot.parent,
            children,
            trace,
            trace_link,
            has_children=bool(snapshot.children.started),
        ),
    )


def describe_trouble(trouble: Trouble) -> PollingTrouble:
    """What is wrong with polling."""
    since = format_instant(trouble.since_ms * 1_000_000)
    return PollingTrouble(kind=trouble.kind, detail=trouble.detail, since=since)


def count_children(children: Children) -> ChildrenByStatus | None:
    """The counts of children; None where there are none."""
    if not children.started:
        return None
    return ChildrenByStatus(
        started=children.started,
        running=children.started - children.ended,
        ok=children.ok,
        error=children.error,
        timeout=children.timeout,
        cancelled=children.cancelled,
    )


def describe_place(place: Place) -> WorkflowPlace:
    """Where a run stands. A parent that never answered has no run that anybody knows of."""
    return WorkflowPlace(
        parent=place.parent,
        parent_run=place.run or None,
        state=place.state,
        topmost=place.top.id,
        depth=place.depth,
        apart=place.apart,
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
