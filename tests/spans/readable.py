"""Planned spans as OpenTelemetry's own `ReadableSpan`, so that its encoder says what the bytes have to be."""

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from spans.planned import PlannedSpan

_CODES = {"unset": StatusCode.UNSET, "ok": StatusCode.OK, "error": StatusCode.ERROR}


def make_readable(span: PlannedSpan, resource: Resource) -> ReadableSpan:
    """The span as the SDK would hand it to an exporter."""
    flags = TraceFlags(TraceFlags.SAMPLED)
    state = TraceState.from_header([span.tracestate]) if span.tracestate else None
    parent = None
    if span.parent_id is not None:
        parent = SpanContext(span.trace_id, span.parent_id, span.parent_remote, flags)
    return ReadableSpan(
        span.name,
        SpanContext(span.trace_id, span.span_id, is_remote=False, trace_flags=flags, trace_state=state),
        parent,
        resource,
        span.attributes,
        [Event(event.name, event.attributes, event.time_ns) for event in span.events],
        [Link(SpanContext(int(link.trace_id, 16), int(link.span_id, 16), link.remote)) for link in span.links],
        SpanKind.INTERNAL,
        status=Status(_CODES[span.status], span.message),
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=InstrumentationScope("longspan", "1"),
    )
