"""Workflows as the status API describes them: the same names in `longspan status --json`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from machines.events import read_data
from machines.instants import format_instant
from machines.journal import Header, Record
from spans.ids import trace_id
from spans.trace_context import read_caller

if TYPE_CHECKING:
    from streams.status import WorkflowView


def describe_workflow(view: "WorkflowView", trace: str | None, now_ms: int) -> dict[str, Any]:
    """One workflow. Times are RFC 3339 text, `states` are the active ones with the time of entry, `overdue` are those
    of the `deadlines` that are due now and have not been applied."""
    snapshot = view.snapshot
    return {
        "id": view.id,
        "machine": snapshot.machine or None,
        "version": snapshot.version or None,
        "run": snapshot.run or None,
        "status": snapshot.status,
        "states": {path: format_instant(entered_ns) for path, entered_ns in snapshot.states.items()},
        "attributes": snapshot.attributes,
        "started_at": _instant(snapshot.started_ns),
        "updated_at": _instant(snapshot.updated_ns),
        "ended_at": _instant(snapshot.ended_ns),
        "reason": snapshot.reason,
        "trace_id": trace,
        "deadlines": {path: format_instant(due_ns) for path, due_ns in snapshot.deadlines.items()},
        "overdue": list(view.overdue(now_ms)),
        "waiting": snapshot.waiting,
        "parent": snapshot.parent,
    }


def describe_record(record: Record) -> dict[str, Any]:
    """One event of a journal: what it was, and what it did."""
    event = record.event
    told = {
        "time": format_instant(event.time_ns),
        "type": event.type,
        "id": event.id,
        "source": event.source,
        "result": record.result,
        "reason": record.reason,
        "left": [step[1:] for step in record.steps if step[0] == "-"],
        "entered": [step[1:] for step in record.steps if step[0] in "+*"],
        "outcome": record.outcome,
        "version": record.version,
        "sequence": event.sequence,
        "position": event.position,
        "traceparent": event.traceparent,
        "data": read_data(event) if event.data else None,
    }
    return {name: value for name, value in told.items() if value is not None}


def own_trace(namespace: str, workflow_id: str, header: Header, records: Sequence[Record]) -> str:
    """The trace id, in hex, that the spans of a run carry."""
    if header.trace == "continue" and records:
        caller = read_caller(records[0].event.traceparent, records[0].event.tracestate)
        if caller is not None:
            return caller.trace_id
    return f"{trace_id(namespace, header.machine, workflow_id, header.run):032x}"


def _instant(instant_ns: int | None) -> str | None:
    return format_instant(instant_ns) if instant_ns else None
