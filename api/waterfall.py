"""The waterfall of the page: a run's spans as bars over time, what happened on them as marks, and the ticks above."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from machines.durations import format_duration
from machines.instants import format_instant
from spans.planned import PlannedEvent, PlannedSpan, SpanStatus

Happening = Literal["applied", "rejected", "reached"]

DEEPEST = 8  # levels of nesting that are indented
_MS = 1_000_000
_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
_STEPS = (
    *(digit * 10**power for power in range(-3, 3) for digit in (1, 2, 5)),
    *(count * _SECOND for count in (1, 2, 5, 10, 15, 30)),
    *(count * _MINUTE for count in (1, 2, 5, 10, 15, 30)),
    *(count * _HOUR for count in (1, 2, 3, 6, 12)),
    *(digit * 10**power * _DAY for power in range(5) for digit in (1, 2, 5)),
)
_MOST_TICKS = 6
_AHEAD = 2.5  # how far the ticks of a run reach that goes on, in its present extents
_NARROWEST = 0.0015  # of the extent
_ROOM = 1.03  # beside what is open, so that its end can be seen


class Mark(NamedTuple):
    """Something that happened on a span, `at` ms from the left; `entry` is the index of its event in the journal."""

    at: float
    name: str
    time: str
    result: Happening
    reason: str
    entry: int | None


class Bar(NamedTuple):
    """One span, from `at` to `until`, in ms from the left. `child` is the id of the workflow that it is of, where it
    is not the run's own."""

    key: str
    name: str
    path: str
    visit: int
    depth: int
    at: float
    until: float
    start: str
    end: str
    took: str
    is_open: bool
    status: SpanStatus
    message: str
    skew: str
    dropped: int
    marks: list[Mark]
    child: str = ""


class Tick(NamedTuple):
    """A tick of the time axis, `at` ms from the left."""

    at: float
    text: str


class Waterfall(NamedTuple):
    """All bars. `origin_ms` is the left end, since the epoch, `extent` how many ms there are to the right end."""

    origin_ms: float
    extent: float
    is_open: bool
    bars: list[Bar]
    ticks: list[Tick]
    left_out: int

    def place(self, at: float) -> str:
        """A place as a percentage of the extent."""
        return f"{at / self.extent * 100:.4f}%"

    def width(self, bar: Bar) -> str:
        """The width of a bar as a percentage of the extent: even what took no time can be seen."""
        return self.place(max(bar.until - bar.at, self.extent * _NARROWEST))


def describe_waterfall(
    spans: Sequence[PlannedSpan],
    open_ids: frozenset[int],
    left_out: int,
    now_ns: int,
    indexes: Mapping[tuple[str, int], int],
    workflow_id: str,
) -> Waterfall:
    """The waterfall of spans in tree order, of a workflow and its children. `indexes` gives the index in the journal by
    an event's id and time (ns)."""
    origin_ns = min((span.start_ns for span in spans), default=now_ns)
    end_ns = max((_end(span, open_ids, now_ns) for span in spans), default=now_ns)
    extent = max((end_ns - origin_ns) / _MS, 0.001)
    extent *= _ROOM if open_ids else 1.0
    depths: dict[int | None, int] = {}
    bars = []
    for span in spans:
        depth = depths[span.span_id] = depths.get(span.parent_id, -1) + 1
        is_open, owner = span.span_id in open_ids, str(span.attributes.get("workflow.id", workflow_id))
        known = indexes if owner == workflow_id else {}
        bar = _describe_bar(span, min(depth, DEEPEST), origin_ns, is_open, now_ns, known)
        bars.append(bar if owner == workflow_id else bar._replace(child=owner))
    _tell_once(bars)
    ticks = find_ticks(extent, extent * (_AHEAD if open_ids else 1.0))
    return Waterfall(origin_ns / _MS, extent, bool(open_ids), bars, ticks, left_out)


def _tell_once(bars: list[Bar]) -> None:
    """What went wrong inside a span is told there, not once more on all that is around it."""
    told: list[set[str]] = [set() for _ in range(DEEPEST + 2)]
    for index in range(len(bars) - 1, -1, -1):
        bar = bars[index]
        inside, told[bar.depth + 1] = told[bar.depth + 1], set()
        if bar.message in inside:
            bars[index] = bar._replace(message="")
        told[bar.depth] |= inside | {bar.message}


def find_ticks(extent: float, until: float) -> list[Tick]:
    """Ticks at round lengths of time, in ms, at most six within the extent."""
    step = next((step for step in _STEPS if extent / step <= _MOST_TICKS), _STEPS[-1])
    count = min(int(until / step), 40)
    return [
        Tick(index * step, format_duration(round(index * step * _MS)) if index else "0") for index in range(count + 1)
    ]


def _end(span: PlannedSpan, open_ids: frozenset[int], now_ns: int) -> int:
    return max(span.start_ns, now_ns, span.end_ns) if span.span_id in open_ids else span.end_ns


def _describe_bar(
    span: PlannedSpan,
    depth: int,
    origin_ns: int,
    is_open: bool,
    now_ns: int,
    indexes: Mapping[tuple[str, int], int],
) -> Bar:
    end_ns = max(span.end_ns, span.start_ns, now_ns if is_open else 0)
    skew_ms = span.attributes.get("workflow.clock_skew_ms")
    return Bar(
        key=f"{span.span_id:016x}",
        name=span.name,
        path=span.path,
        visit=span.visit,
        depth=depth,
        at=(span.start_ns - origin_ns) / _MS,
        until=(end_ns - origin_ns) / _MS,
        start=format_instant(span.start_ns),
        end="" if is_open else format_instant(span.end_ns),
        took=format_duration(end_ns - span.start_ns),
        is_open=is_open,
        status=span.status,
        message=span.message or "",
        skew=format_duration(skew_ms * _MS) if isinstance(skew_ms, int) and skew_ms else "",
        dropped=span.dropped_events,
        marks=[_describe_mark(event, origin_ns, indexes) for event in span.events],
    )


def _describe_mark(event: PlannedEvent, origin_ns: int, indexes: Mapping[tuple[str, int], int]) -> Mark:
    told = event.attributes or {}
    event_id = told.get("workflow.event.id")
    result: Happening = "reached"
    if event_id is not None:
        result = "rejected" if told.get("workflow.event.result") == "rejected" else "applied"
    return Mark(
        at=(event.time_ns - origin_ns) / _MS,
        name=event.name,
        time=format_instant(event.time_ns),
        result=result,
        reason=told.get("workflow.event.reason", ""),
        entry=None if event_id is None else indexes.get((event_id, event.time_ns)),
    )
