"""Planned spans in a form that a person can read in an assertion."""

from collections.abc import Iterable

from machines.journal import Record
from spans.plan import plan
from spans.planned import PlannedSpan
from tests.spans.journals import SECOND_NS, START_NS, header

Line = tuple[str, str, float, float, str]


def seconds(time_ns: int) -> float:
    """Seconds since the start of the hand-written journals."""
    return (time_ns - START_NS) / SECOND_NS


def spans_of(records: list[Record], **options: object) -> list[PlannedSpan]:
    """The spans of a journal whose header has these options."""
    return plan("default", "o-1", header(**options), records).spans  # type: ignore[arg-type]  # passed on as they are


def outline(spans: Iterable[PlannedSpan]) -> list[Line]:
    """Of each span: what it is, its parent, start, end (seconds since the start) and status."""
    told = list(spans)
    names = {span.span_id: _name(span) for span in told}
    return [
        (
            _name(span),
            "" if span.parent_id is None else names.get(span.parent_id, "elsewhere"),
            seconds(span.start_ns),
            seconds(span.end_ns),
            span.status if span.message is None else f"{span.status}: {span.message}",
        )
        for span in told
    ]


def find(spans: Iterable[PlannedSpan], path: str, visit: int | None = None) -> PlannedSpan:
    """The span of a state visit; the workflow span has the empty path."""
    (found,) = [span for span in spans if span.path == path and visit in (None, span.visit)]
    return found


def events(span: PlannedSpan) -> list[tuple[str, float]]:
    """Names and times of a span's events."""
    return [(event.name, seconds(event.time_ns)) for event in span.events]


def _name(span: PlannedSpan) -> str:
    return f"{span.path}#{span.visit}" if span.visit else span.name
