"""The trace of one run while its records go by: spans open, collect what happens, and close within their parents."""

from collections.abc import Sequence

from machines.attributes import AttributeValue
from machines.events import Event
from machines.journal import Header, Outcome
from machines.messages import ChildEnded, ChildStarted
from spans.errors import PlanError
from spans.ids import STARTED_PATH, WORKFLOW_PATH, SpanId, TraceId, span_namer, trace_id
from spans.own_trace import continued_caller, find_context, first_links, root_link
from spans.planned import PlannedEvent, PlannedLink, PlannedSpan, SpanStatus
from spans.trace_context import read_caller
from spans.trace_state import OpenSpan, TraceState, copy_trace_state, open_spans

_MILLISECOND_NS = 1_000_000
_STATUS: dict[Outcome, SpanStatus] = {"ok": "ok", "error": "error", "timeout": "error", "cancelled": "unset"}


class RunTrace:
    """`state` is what is open, `spans` are those that ended since this object was made, in order of ending.

    `trace_id` is what they carry: the run's own, its caller's or that of its topmost parent.
    """

    def __init__(self, namespace: str, workflow_id: str, header: Header, state: TraceState | None) -> None:
        self.header = header
        self.spans: list[PlannedSpan] = []
        self._namespace = namespace
        self._workflow_id = workflow_id
        if state is None:
            self._own = trace_id(namespace, header.machine, workflow_id, header.run)
            self.state = TraceState(1, f"{self._own:032x}")
        else:
            self._own = TraceId(int(state.trace, 16))
            self.state = copy_trace_state(state)
        self._name_span = span_namer(self._own)
        self._common: dict[str, AttributeValue] = {
            "workflow.id": workflow_id,
            "workflow.machine": header.machine,
            "workflow.version": header.version if self.state.version is None else self.state.version,
            "workflow.run": header.run,
        }
        self._find_context()

    @property
    def declared(self) -> Sequence[str]:
        """The attributes that the machine declares, in the version that the run is on."""
        return self.header.attributes if self.state.declared is None else self.state.declared

    def move(self, version: int, declared: Sequence[str] | None) -> None:
        """Go on with another version of the machine: spans that close from now on say so."""
        self.state.version, self.state.declared = version, None if declared is None else list(declared)
        self._common["workflow.version"] = version

    def start(self, event: Event) -> None:
        """Open the workflow span with the run's first event."""
        state, place = self.state, event.place
        state.caller, state.place = continued_caller(self.header, event), place
        self._find_context()
        links = first_links(self._namespace, self._workflow_id, self.header, event)
        root = self._name_span(WORKFLOW_PATH, 0)
        start_ns = event.time_ns
        if place is not None and place.apart is None:  # nor may a child begin before the span that it lies in
            start_ns = max(start_ns, place.not_before_ns)
        skew_ns = start_ns - event.time_ns
        state.workflow = OpenSpan(WORKFLOW_PATH, 0, root, WORKFLOW_PATH, start_ns, skew_ns, start_ns, [], links)

    def tell_started(self, workflow: OpenSpan) -> None:
        """The span that shows, before anything has ended, that the run has begun."""
        name, attributes = f"{self.header.machine} started", dict(self._common)
        identity = self._name_span(STARTED_PATH, 0)
        started = OpenSpan(STARTED_PATH, 0, identity, WORKFLOW_PATH, workflow.start_ns, 0, workflow.start_ns, [], [])
        self.spans.append(self._span(started, workflow.span_id, name, workflow.start_ns, 0, attributes, "unset", None))

    def enter(self, path: str, event: Event) -> None:
        """Open the span of a state's next visit. Raises PlanError where the state is active already."""
        state = self.state
        if path in state.open:
            raise self.contradiction(f"event {event.id!r} enters {path!r}, which is active already")
        visit = state.visits.get(path, 0) + 1
        state.visits[path] = visit
        parent = self.enclosing(path)
        # A child may not begin before its parent: clocks of producers differ.
        time_ns, start_ns = event.time_ns, parent.start_ns
        if time_ns > start_ns:
            start_ns = time_ns
        links = []
        if event.traceparent is not None:
            caller = read_caller(event.traceparent, event.tracestate)
            if caller is not None:
                links.append(PlannedLink(caller.trace_id, caller.span_id, caller.tracestate))
        identity, skew_ns = self._name_span(path, visit), start_ns - time_ns
        state.open[path] = OpenSpan(path, visit, identity, parent.path, start_ns, skew_ns, start_ns, [], links)

    def leave(
        self, path: str, event: Event, happening: PlannedEvent | None, status: SpanStatus, message: str | None
    ) -> None:
        """Close a state's span. Raises PlanError where the state is not active."""
        span = self.state.open.pop(path, None)
        if span is None:
            raise self.contradiction(f"event {event.id!r} leaves {path!r}, which is not active")
        if happening is not None:
            span.events.append(happening)
        parent = self._parent(span)
        end_ns, skew_ns = _close(span, event.time_ns)
        if end_ns > parent.latest_end_ns:
            parent.latest_end_ns = end_ns
        self.spans.append(self._state_span(span, parent, end_ns, skew_ns, {}, status, message))

    def end(self, event: Event, outcome: Outcome, message: str | None) -> None:
        """Close the workflow span. Raises PlanError where a state is still active."""
        state = self.state
        if state.open:
            raise self.contradiction(f"event {event.id!r} ends the run while {next(iter(state.open))!r} is active")
        span = self._workflow()
        state.workflow = None
        state.ended = True
        status, closed = _STATUS[outcome], _close(span, event.time_ns)
        said = message if status == "error" else None
        self.spans.append(self._workflow_span(span, *closed, {"workflow.outcome": outcome}, status, said))

    def tell_open(self, now_ns: int) -> list[PlannedSpan]:
        """The spans that are open, as they are at `now_ns`: the workflow span, then state spans in order of entry.

        Each ends then, but never before it began or a span within it ends, and says `workflow.open`. Nothing changes.
        Raises PlanError where a state is active without the one that it lies within.
        """
        told: list[PlannedSpan] = []
        latest: dict[str, int] = {}
        mark: dict[str, AttributeValue] = {"workflow.open": True}
        for span in reversed(open_spans(self.state)):
            end_ns = max(now_ns, span.latest_end_ns, latest.get(span.path, now_ns))
            skew_ns = max(span.skew_ns, end_ns - now_ns)
            latest[span.parent] = max(end_ns, latest.get(span.parent, now_ns))
            if span.path == WORKFLOW_PATH:
                told.append(self._workflow_span(span, end_ns, skew_ns, mark, "unset", None))
            else:
                told.append(self._state_span(span, self._parent(span), end_ns, skew_ns, mark, "unset", None))
        return told[::-1]

    def enclosing(self, path: str) -> OpenSpan:
        """The innermost open span around a state: that of an enclosing state, or the workflow's."""
        while "." in path and (cut := path.rpartition(".")[0]):
            span = self.state.open.get(cut)
            if span is not None:
                return span
            path = cut
        return self._workflow()

    def link_child(self, child: ChildStarted | ChildEnded) -> None:
        """The workflow span is linked to a child that has a trace of its own."""
        self._workflow().links.append(root_link(self._namespace, child.machine, child.id, child.run))

    def cover(self, child: ChildEnded) -> None:
        """The span that a child lies in, or what is still open around it, goes on until the child's end."""
        span = self.state.open.get(child.state)
        if span is None or span.visit != child.visit:
            span = self.enclosing(child.state)
        span.latest_end_ns = max(span.latest_end_ns, child.ended_ns)

    def contradiction(self, reason: str) -> PlanError:
        """The error for a record that contradicts the ones before it."""
        return PlanError(self._workflow_id, self.header.run, reason)

    def _find_context(self) -> None:
        self._context = find_context(self._namespace, self._own, self.state.caller, self.state.place)
        self.trace_id = self._context.trace_id

    def _workflow(self) -> OpenSpan:
        if self.state.workflow is None:
            raise self.contradiction("it has steps before its start")
        return self.state.workflow

    def _parent(self, span: OpenSpan) -> OpenSpan:
        if span.parent == WORKFLOW_PATH:
            return self._workflow()
        parent = self.state.open.get(span.parent)
        if parent is None:
            raise self.contradiction(f"{span.parent!r} is left before {span.path!r}, which lies within it")
        return parent

    def _state_span(
        self,
        span: OpenSpan,
        parent: OpenSpan,
        end_ns: int,
        skew_ns: int,
        marks: dict[str, AttributeValue],
        status: SpanStatus,
        message: str | None,
    ) -> PlannedSpan:
        attributes = {**self._common, "workflow.state": span.path, "workflow.visit": span.visit, **marks}
        name = span.path.rpartition(".")[2]
        return self._span(span, parent.span_id, name, end_ns, skew_ns, attributes, status, message)

    def _workflow_span(
        self,
        span: OpenSpan,
        end_ns: int,
        skew_ns: int,
        marks: dict[str, AttributeValue],
        status: SpanStatus,
        message: str | None,
    ) -> PlannedSpan:
        attributes = {**self._common, **marks}
        if self.state.parent is not None:
            attributes["workflow.parent"] = self.state.parent
        if self.state.place is not None and self.state.place.apart is not None:
            attributes["workflow.apart"] = self.state.place.apart
        parent_id = self._context.parent_id
        return self._span(span, parent_id, self.header.machine, end_ns, skew_ns, attributes, status, message)

    def _span(
        self,
        span: OpenSpan,
        parent_id: SpanId | None,
        name: str,
        end_ns: int,
        skew_ns: int,
        attributes: dict[str, AttributeValue],
        status: SpanStatus,
        message: str | None,
    ) -> PlannedSpan:
        if skew_ns:
            attributes["workflow.clock_skew_ms"] = -(-skew_ns // _MILLISECOND_NS)
        attributes.update(self.state.attributes)
        context, path = self._context, span.path
        # By position: PlannedSpan's many fields by name take twice as long.
        what = (context.trace_id, span.span_id, parent_id, name, path, span.visit, span.start_ns, end_ns, attributes)
        remote = path == WORKFLOW_PATH and context.is_remote
        beside = (span.events, span.links, status, message, remote, context.tracestate)
        return PlannedSpan(*what, *beside, 0, span.dropped_events, span.dropped_links)


def _close(span: OpenSpan, time_ns: int) -> tuple[int, int]:
    """The end of a span that its closing event puts at `time_ns`, and the largest clamp of its start or end."""
    end_ns = span.latest_end_ns
    if time_ns >= end_ns:
        return time_ns, span.skew_ns
    return end_ns, max(span.skew_ns, end_ns - time_ns)
