"""The trace of a run as it is now: what has ended exactly as it is exported, and what is open under the ids to come."""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from opentelemetry.sdk.trace import SpanLimits

from machines.journal import Header, Outcome, Record
from spans.ids import SpanId
from spans.limits import keep_within
from spans.plan import plan
from spans.planned import PlannedSpan
from spans.run_trace import RunTrace
from spans.trace_state import TraceState

SHOWN_SPANS = 10_000  # ended ones; nobody can look at more, and a run may have any number
_RECORDS_AT_ONCE = 2_000  # so that a long journal is never in memory as a whole


class EndedSpans(NamedTuple):
    """What a part of a journal says: the newest spans that ended, in order of ending, how many older ones are left out,
    the state from which the rest is planned, and the outcome of a run that has ended."""

    spans: tuple[PlannedSpan, ...] = ()
    left_out: int = 0
    state: TraceState | None = None
    outcome: Outcome | None = None


class LiveTrace(NamedTuple):
    """A run's spans within OpenTelemetry's limits. `trace_id` is what they carry, in 32 hexadecimal digits.

    `ended` are the newest spans that ended, in order of ending; `left_out` counts the older ones. `open` are those
    that have not: the workflow span, then state spans in order of entry. They end now, their status is unset, and
    they say `workflow.open`. `outcome` is that of a run that has ended. `root_name` is the machine of the run whose
    trace it is: its own, or its topmost parent's.
    """

    trace_id: str
    ended: Sequence[PlannedSpan]
    open: Sequence[PlannedSpan]
    left_out: int
    outcome: Outcome | None
    root_name: str

    @property
    def spans(self) -> list[PlannedSpan]:
        """All of them, parents before children, siblings by start."""
        return in_tree_order([*self.open, *self.ended])


def live_trace(
    namespace: str,
    workflow_id: str,
    header: Header,
    records: Iterable[Record],
    limits: SpanLimits,
    now_ns: int,
    *,
    shown: int = SHOWN_SPANS,
) -> LiveTrace:
    """The trace of a run with all the records of its journal, at `now_ns`. Raises PlanError where they contradict."""
    ended = collect_ended(namespace, workflow_id, header, records, limits, shown=shown)
    return add_open(namespace, workflow_id, header, ended, limits, now_ns)


def collect_ended(
    namespace: str,
    workflow_id: str,
    header: Header,
    records: Iterable[Record],
    limits: SpanLimits,
    *,
    shown: int = SHOWN_SPANS,
    before: EndedSpans | None = None,
) -> EndedSpans:
    """The spans that have ended, with those `before` these records. Raises PlanError where they contradict."""
    told, left_out, state, outcome = before or EndedSpans()
    ended = deque(told, maxlen=shown)
    count = len(told)
    following = iter(records)
    while part := list(islice(following, _RECORDS_AT_ONCE)):
        spans, state, _ = plan(
            namespace,
            workflow_id,
            header,
            part,
            state,
            event_limit=limits.max_events,
            link_limit=limits.max_links,
        )
        ended.extend(keep_within(limits, span) for span in spans[-shown:])
        count += len(spans)
        outcome = next((record.outcome for record in part if record.outcome), outcome)
    return EndedSpans(tuple(ended), left_out + count - len(ended), state, outcome)


def add_open(
    namespace: str, workflow_id: str, header: Header, ended: EndedSpans, limits: SpanLimits, now_ns: int
) -> LiveTrace:
    """The trace at `now_ns`: what has ended, and what is open then. Raises PlanError."""
    trace = RunTrace(namespace, workflow_id, header, ended.state)
    is_open = [keep_within(limits, span) for span in trace.tell_open(now_ns)]
    place = trace.state.place
    root_name = header.machine if place is None or place.apart is not None else place.top.machine
    return LiveTrace(f"{trace.trace_id:032x}", ended.spans, is_open, ended.left_out, ended.outcome, root_name)


def in_tree_order(spans: Sequence[PlannedSpan]) -> list[PlannedSpan]:
    """Parents before their children, siblings by start; a span whose parent is not among them counts as a root."""
    known = {span.span_id for span in spans}
    children: dict[SpanId | None, list[PlannedSpan]] = {}
    for span in spans:
        children.setdefault(span.parent_id if span.parent_id in known else None, []).append(span)
    ordered: list[PlannedSpan] = []
    waiting = _last_first(children.get(None, ()))
    while waiting:
        span = waiting.pop()
        ordered.append(span)
        waiting += _last_first(children.get(span.span_id, ()))
    return ordered


def _last_first(siblings: Sequence[PlannedSpan]) -> list[PlannedSpan]:
    return sorted(siblings, key=lambda span: (span.start_ns, span.visit, span.path), reverse=True)
