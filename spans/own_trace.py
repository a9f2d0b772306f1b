"""Whose trace the spans of a run are in, known from the beginning of its journal: its own, its caller's or a parent's.

A run with a place is in the trace of its topmost parent, unless the place says that it is apart. What would else have
been its parent is linked then: the span of the parent workflow, or the caller that the machine would continue.
"""

from typing import NamedTuple

from machines.events import Event
from machines.journal import Header, Record
from machines.place import Place
from spans.ids import WORKFLOW_PATH, SpanId, TraceId, span_id, trace_id
from spans.planned import PlannedLink
from spans.trace_context import Caller, read_caller


class Context(NamedTuple):
    """The trace id that the spans of a run carry, and the parent of its workflow span; `is_remote`: a caller's."""

    trace_id: TraceId
    parent_id: SpanId | None = None
    tracestate: str | None = None
    is_remote: bool = False


def own_trace(namespace: str, workflow_id: str, header: Header, first: Record) -> str:
    """The trace id, in 32 hexadecimal digits, that the spans of a run carry; `first` is its journal's first record."""
    own = trace_id(namespace, header.machine, workflow_id, header.run)
    context = find_context(namespace, own, continued_caller(header, first.event), first.event.place)
    return f"{context.trace_id:032x}"


def is_joined(place: Place | None) -> bool:
    """Whether a run with this place is in its parent's trace."""
    return place is not None and place.apart is None


def continued_caller(header: Header, first: Event) -> Caller | None:
    """The caller whose trace a run continues; None where the machine does not, or the run belongs to a parent."""
    if header.trace != "continue" or (first.place is not None and first.place.machine):
        return None
    return read_caller(first.traceparent, first.tracestate)


def find_context(namespace: str, own: TraceId, caller: Caller | None, place: Place | None) -> Context:
    """The context of a run with this trace id of its own, the caller that it continues, and its place."""
    if place is not None and place.apart is None:
        return _within_parent(namespace, place)
    if caller is not None:
        return Context(TraceId(int(caller.trace_id, 16)), SpanId(int(caller.span_id, 16)), caller.tracestate, True)
    return Context(own)


def first_links(namespace: str, workflow_id: str, header: Header, first: Event) -> list[PlannedLink]:
    """What the workflow span is linked to from its start: its parent, its caller, and the run before."""
    place, links = first.place, []
    if place is not None and place.machine:
        if place.apart is not None:
            above = _within_parent(namespace, place)
            links.append(PlannedLink(f"{above.trace_id:032x}", f"{above.parent_id:016x}", remote=False))
        caller = read_caller(first.traceparent, first.tracestate) if header.trace == "continue" else None
        if caller is not None:
            links.append(PlannedLink(caller.trace_id, caller.span_id, caller.tracestate))
    if header.run > 1 and header.trace == "own" and not is_joined(place):
        links.append(root_link(namespace, header.machine, workflow_id, header.run - 1))
    return links


def root_link(namespace: str, machine: str, workflow_id: str, run: int) -> PlannedLink:
    """A link to the workflow span of a run in a trace of its own."""
    own = trace_id(namespace, machine, workflow_id, run)
    return PlannedLink(f"{own:032x}", f"{span_id(own, WORKFLOW_PATH, 0):016x}", remote=False)


def _within_parent(namespace: str, place: Place) -> Context:
    top = place.top
    caller = read_caller(top.traceparent, top.tracestate)
    trace = TraceId(int(caller.trace_id, 16)) if caller else trace_id(namespace, top.machine, top.id, top.run)
    parent = trace_id(namespace, place.machine, place.parent, place.run)
    return Context(trace, span_id(parent, place.state, place.visit), caller.tracestate if caller else None)
