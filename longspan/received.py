"""Spans as an OTLP endpoint sees them: decoded from the protobuf of an export request."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

StatusCode = Literal["unset", "ok", "error"]
_STATUS: tuple[StatusCode, ...] = ("unset", "ok", "error")

Value = str | bool | int | float | bytes | list["Value"] | dict[str, "Value"] | None


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """A span event. `time_ns` counts nanoseconds since the epoch."""

    name: str
    time_ns: int
    attributes: Mapping[str, Value]
    dropped_attributes: int = 0


@dataclass(frozen=True, slots=True)
class ReceivedLink:
    """A link to another span, ids in hex."""

    trace_id: str
    span_id: str
    tracestate: str
    attributes: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class ReceivedSpan:
    """One span of a request.

    Ids are lower-case hex, `parent_id` is empty on a root. Times count nanoseconds since the epoch. `encoded` is the
    span's own protobuf, for comparing spans byte by byte.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Value]
    events: tuple[ReceivedEvent, ...]
    links: tuple[ReceivedLink, ...]
    status: StatusCode
    message: str
    tracestate: str
    dropped_attributes: int
    dropped_events: int
    dropped_links: int
    resource: Mapping[str, Value] = field(repr=False)
    scope: tuple[str, str] = field(repr=False)
    encoded: bytes = field(repr=False)


def decode_request(body: bytes) -> list[ReceivedSpan]:
    """The spans of an ExportTraceServiceRequest. Raises google.protobuf.message.DecodeError."""
    return list(_spans(ExportTraceServiceRequest.FromString(body)))


def decode_span(encoded: bytes) -> ReceivedSpan:
    """One span by itself. Raises google.protobuf.message.DecodeError."""
    return _span(Span.FromString(encoded), {}, ("", ""))


def _spans(request: ExportTraceServiceRequest) -> Iterator[ReceivedSpan]:
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            scope = scope_spans.scope.name, scope_spans.scope.version
            for span in scope_spans.spans:
                yield _span(span, resource, scope)


def _span(span: Span, resource: Mapping[str, Value], scope: tuple[str, str]) -> ReceivedSpan:
    return ReceivedSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        kind=span.kind,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        events=tuple(
            ReceivedEvent(
                event.name, event.time_unix_nano, _attributes(event.attributes), event.dropped_attributes_count
            )
            for event in span.events
        ),
        links=tuple(
            ReceivedLink(link.trace_id.hex(), link.span_id.hex(), link.trace_state, _attributes(link.attributes))
            for link in span.links
        ),
        status=_STATUS[span.status.code],
        message=span.status.message,
        tracestate=span.trace_state,
        dropped_attributes=span.dropped_attributes_count,
        dropped_events=span.dropped_events_count,
        dropped_links=span.dropped_links_count,
        resource=resource,
        scope=scope,
        encoded=span.SerializeToString(deterministic=True),
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Value:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(element) for element in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)
