"""Spans as a test looks at them: planned or received, with what lies within them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from machines.durations import format_duration
from machines.instants import format_instant
from spans.planned import PlannedSpan

if TYPE_CHECKING:
    from longspan.received import ReceivedSpan

OPEN = "workflow.open"


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """Something that happened during a span, at `time_ns` since the epoch."""

    name: str
    time_ns: int
    attributes: Mapping[str, Any]

    @property
    def time(self) -> str:
        """RFC 3339."""
        return format_instant(self.time_ns)


@dataclass(frozen=True, slots=True)
class Span:
    """One span. Times count nanoseconds since the epoch; `end_ns` is None while it is open. Ids are in hex, `parent_id`
    is empty on a root. `links` are (trace id, span id). `children` are the spans within it, by start."""

    name: str
    path: str
    visit: int
    start_ns: int
    end_ns: int | None
    status: str
    message: str
    attributes: Mapping[str, Any]
    events: tuple[SpanEvent, ...]
    links: tuple[tuple[str, str], ...]
    trace_id: str
    span_id: str
    parent_id: str
    children: tuple["Span", ...] = ()

    @property
    def start(self) -> str:
        """RFC 3339."""
        return format_instant(self.start_ns)

    @property
    def end(self) -> str | None:
        """RFC 3339."""
        return None if self.end_ns is None else format_instant(self.end_ns)

    @property
    def duration(self) -> str | None:
        """As people write it, `2h 5m`: the two largest units."""
        return None if self.end_ns is None else format_duration(self.end_ns - self.start_ns)

    def __iter__(self) -> Iterator["Span"]:
        """This one, and everything within it."""
        yield self
        for child in self.children:
            yield from child

    def find(self, path: str, visit: int = 1) -> "Span":
        """The span of a state's visit within this one. Raises LookupError with the paths that there are."""
        for span in self:
            if span.path == path and span.visit == visit:
                return span
        found = ", ".join(f"{span.path}#{span.visit}" for span in self if span.path)
        raise LookupError(f"there is no span of {path}#{visit}, there are {found or 'none'}")


def from_planned(span: PlannedSpan) -> Span:
    """A span as it was planned."""
    return Span(
        name=span.name,
        path=span.path,
        visit=span.visit,
        start_ns=span.start_ns,
        end_ns=None if OPEN in span.attributes else span.end_ns,
        status=span.status,
        message=span.message or "",
        attributes=span.attributes,
        events=tuple(SpanEvent(event.name, event.time_ns, event.attributes or {}) for event in span.events),
        links=tuple((link.trace_id, link.span_id) for link in span.links),
        trace_id=f"{span.trace_id:032x}",
        span_id=f"{span.span_id:016x}",
        parent_id="" if span.parent_id is None else f"{span.parent_id:016x}",
    )


def from_received(span: "ReceivedSpan") -> Span:
    """A span as the endpoint got it."""
    return Span(
        name=span.name,
        path=str(span.attributes.get("workflow.state", "")),
        visit=int(str(span.attributes.get("workflow.visit", 0))),
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        status=span.status,
        message=span.message,
        attributes=span.attributes,
        events=tuple(SpanEvent(event.name, event.time_ns, event.attributes) for event in span.events),
        links=tuple((link.trace_id, link.span_id) for link in span.links),
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_id=span.parent_id,
    )


def make_trees(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The roots, by start, with everything in its place; a span that came twice counts once."""
    known = {span.span_id: span for span in spans}
    below: dict[str, list[Span]] = {}
    for span in known.values():
        below.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)

    def grow(parent_id: str) -> tuple[Span, ...]:
        ordered = sorted(below.get(parent_id, ()), key=lambda span: (span.start_ns, span.path, span.visit))
        return tuple(replace(span, children=grow(span.span_id)) for span in ordered)

    return grow("")
