"""Finished spans as plain data: what the plan says, before OpenTelemetry knows of it."""

from typing import Literal

import msgspec

from machines.attributes import AttributeValue
from spans.ids import SpanId, TraceId

SpanStatus = Literal["unset", "ok", "error"]


class PlannedEvent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Something that happened during a span, at `time_ns` since the epoch."""

    name: str
    time_ns: int
    attributes: dict[str, str] | None = None
    dropped_attributes: int = 0


class PlannedLink(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A span elsewhere, named by its trace id (32 hexadecimal digits) and span id (16); `remote` if not Longspan's."""

    trace_id: str
    span_id: str
    tracestate: str | None = None
    remote: bool = True


class PlannedSpan(msgspec.Struct, frozen=True, gc=False):
    """One finished span. Times count nanoseconds since the epoch, event time.

    `path` and `visit` name the state visit; the workflow span has the empty path, the started span `#started`.
    `parent_id` is None for a root, `parent_remote` is true where the parent is a caller's span. `tracestate` is the
    caller's, for runs that continue its trace. The dropped counts say what span limits took away.
    """

    trace_id: TraceId
    span_id: SpanId
    parent_id: SpanId | None
    name: str
    path: str
    visit: int
    start_ns: int
    end_ns: int
    attributes: dict[str, AttributeValue]
    events: list[PlannedEvent]
    links: list[PlannedLink]
    status: SpanStatus
    message: str | None = None
    parent_remote: bool = False
    tracestate: str | None = None
    dropped_attributes: int = 0
    dropped_events: int = 0
    dropped_links: int = 0
