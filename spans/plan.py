"""From a run's journal to its finished spans: pure, and the same whether the journal is planned whole or in pieces."""

from collections.abc import Sequence
from typing import NamedTuple

from machines.attributes import collect
from machines.events import error_text, read_data
from machines.journal import UNREADABLE_ENTRY, Header, Record
from machines.messages import CHILD_STARTED, ChildEnded, decode_ended, decode_started, is_of_child
from spans.planned import PlannedEvent, PlannedSpan, SpanStatus
from spans.run_trace import RunTrace
from spans.trace_state import TraceState, open_spans


class Carried(NamedTuple):
    """A child whose spans are sent with its parent's: behind the first `after` of the plan's."""

    after: int
    child: ChildEnded


class Plan(NamedTuple):
    """`spans` that ended, in order of ending, and the `state` from which the rest of the journal is planned.

    `carried` are the children that go with them, in their order.
    """

    spans: list[PlannedSpan]
    state: TraceState
    carried: list[Carried]


def plan(
    namespace: str,
    workflow_id: str,
    header: Header,
    records: Sequence[Record],
    state: TraceState | None = None,
    *,
    event_limit: int | None = None,
    link_limit: int | None = None,
) -> Plan:
    """The spans that these records end.

    `state` is that of the records before them, None at the start of the run; it is not changed. `event_limit` bounds
    the span events that the new state holds for each open span (the oldest are dropped and counted), `link_limit` its
    links (of those the newest).
    Raises PlanError for records that contradict the ones before them.
    """
    trace = RunTrace(namespace, workflow_id, header, state)
    carried: list[Carried] = []
    for record in records:
        if record.result == "late":
            continue
        if is_of_child(record.event):
            child = _follow_child(trace, record)
            if child is not None and child.carried:
                carried.append(Carried(len(trace.spans), child))
        else:
            _follow(trace, record)
    trace.state.index += len(records)
    if event_limit is not None:
        _forget_events(trace.state, event_limit)
    if link_limit is not None:
        _forget_links(trace.state, link_limit)
    return Plan(trace.spans, trace.state, carried)


def _follow_child(trace: RunTrace, record: Record) -> ChildEnded | None:
    """What a child's start or end means for its parent; the child, where it has ended."""
    event, said = record.event, record.event.data or ""
    try:
        if event.type == CHILD_STARTED:
            if record.reason is not None:  # it says why the child is apart
                trace.link_child(decode_started(said))
            return None
        child = decode_ended(said)
    except UNREADABLE_ENTRY as error:
        raise trace.contradiction(f"message {event.id!r} cannot be read: {error}") from None
    if not child.apart:
        trace.cover(child)
    elif not child.parent_run:  # it had begun without an answer, so that its start said nothing of it
        trace.link_child(child)
    return child


def _follow(trace: RunTrace, record: Record) -> None:
    state, event = trace.state, record.event
    applied = record.result == "applied"
    if state.ended:
        raise trace.contradiction(f"event {event.id!r} is {record.result} after the end")
    starting = state.workflow is None
    if starting:
        trace.start(event)
    if record.version is not None:
        trace.move(record.version, record.attributes)
    data = read_data(event) if applied else {}
    if applied:
        found = collect(trace.declared, data) if data else None
        if found:
            state.attributes = state.attributes | found
        state.parent = state.parent or event.parent
    workflow = state.workflow
    assert workflow is not None
    if starting and trace.header.export == "progressive":
        trace.tell_started(workflow)

    happening = _happening(record)
    status, message = _verdict(record, data)
    left = False
    for step in record.steps:
        path = step[1:]
        if step[0] == "+":
            trace.enter(path, event)
        elif step[0] == "*":
            trace.enclosing(path).events.append(PlannedEvent(path.rpartition(".")[2], event.time_ns))
        else:
            left = True
            trace.leave(path, event, happening if applied else None, status, message)
    if not (left and applied):
        workflow.events.append(happening)
    if record.outcome is not None:
        trace.end(event, record.outcome, message)


def _happening(record: Record) -> PlannedEvent:
    event = record.event
    attributes = {"workflow.event.id": event.id, "workflow.event.result": str(record.result)}
    if record.result == "rejected" and record.reason:
        attributes["workflow.event.reason"] = record.reason
    return PlannedEvent(event.type, event.time_ns, attributes)


def _verdict(record: Record, data: dict[str, object]) -> tuple[SpanStatus, str | None]:
    """The status of what this record leaves, and what went wrong."""
    message = error_text(data)
    if message is None and record.outcome in ("error", "timeout"):
        finals = [step[1:] for step in record.steps if step[0] == "*"]
        message = record.reason or f"{record.event.type} led to {finals[-1] if finals else 'the end'}"
    return ("ok", None) if message is None else ("error", message)


def _forget_events(state: TraceState, limit: int) -> None:
    for span in open_spans(state):
        excess = len(span.events) - limit
        if excess > 0:
            del span.events[:excess]
            span.dropped_events += excess


def _forget_links(state: TraceState, limit: int) -> None:
    for span in open_spans(state):
        excess = len(span.links) - limit
        if excess > 0:
            del span.links[limit:]
            span.dropped_links += excess
