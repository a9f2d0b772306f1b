"""Planned spans as JSON: in OTLP's own form, and in the form of protobuf that Tempo answers in."""

import base64
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, cast

from opentelemetry.sdk.resources import Resource

from machines.attributes import AttributeValue
from spans.otlp import SCOPE_NAME, SCOPE_VERSION, link_flags, span_flags
from spans.planned import PlannedEvent, PlannedLink, PlannedSpan, SpanStatus

Form = Literal["otlp", "tempo"]
_NO_NUMBER = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_KIND: dict[Form, object] = {"otlp": 1, "tempo": "SPAN_KIND_INTERNAL"}
_CODES: dict[Form, dict[SpanStatus, object]] = {
    "otlp": {"ok": 1, "error": 2},
    "tempo": {"ok": "STATUS_CODE_OK", "error": "STATUS_CODE_ERROR"},
}


def _hexadecimal(identity: bytes) -> str:
    return identity.hex()


def _base64(identity: bytes) -> str:
    return base64.b64encode(identity).decode()


_IDS: dict[Form, Callable[[bytes], str]] = {"otlp": _hexadecimal, "tempo": _base64}


def resource_spans_json(resource: Resource, spans: Iterable[PlannedSpan], form: Form) -> dict[str, Any]:
    """A ResourceSpans object: the resource, and the spans in Longspan's scope.

    In the form `otlp` ids are hexadecimal and enums are numbers, in `tempo` ids are base64 and enums are names; 64-bit
    numbers are text in both. What is empty or zero is left out.
    """
    return {
        "resource": {"attributes": pairs_json(cast(Mapping[str, AttributeValue], resource.attributes))},
        "scopeSpans": [
            {
                "scope": {"name": SCOPE_NAME, "version": SCOPE_VERSION},
                "spans": [span_json(span, form) for span in spans],
            }
        ],
    }


def span_json(span: PlannedSpan, form: Form) -> dict[str, Any]:
    """A Span object."""
    identify = _IDS[form]
    status: dict[str, object] = {}
    if span.message:
        status["message"] = span.message
    if span.status in _CODES[form]:
        status["code"] = _CODES[form][span.status]
    told = {
        "traceId": identify(span.trace_id.to_bytes(16)),
        "spanId": identify(span.span_id.to_bytes(8)),
        "traceState": span.tracestate,
        "parentSpanId": None if span.parent_id is None else identify(span.parent_id.to_bytes(8)),
        "flags": span_flags(span),
        "name": span.name,
        "kind": _KIND[form],
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": pairs_json(span.attributes),
        "droppedAttributesCount": span.dropped_attributes,
        "events": [_event(event) for event in span.events],
        "droppedEventsCount": span.dropped_events,
        "links": [_link(link, identify) for link in span.links],
        "droppedLinksCount": span.dropped_links,
        "status": status,
    }
    return {name: value for name, value in told.items() if value or name == "status"}


def pairs_json(attributes: Mapping[str, AttributeValue]) -> list[dict[str, Any]]:
    """KeyValue objects."""
    return [{"key": name, "value": value_json(value)} for name, value in attributes.items()]


def value_json(value: AttributeValue) -> dict[str, Any]:
    """An AnyValue object; numbers that are none are text, as protobuf has it."""
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value if math.isfinite(value) else _NO_NUMBER[str(value)]}
    return {"arrayValue": {"values": [value_json(element) for element in value]}}


def _event(event: PlannedEvent) -> dict[str, Any]:
    told: dict[str, Any] = {"timeUnixNano": str(event.time_ns), "name": event.name}
    if event.attributes:
        told["attributes"] = pairs_json(cast(Mapping[str, AttributeValue], event.attributes))
    if event.dropped_attributes:
        told["droppedAttributesCount"] = event.dropped_attributes
    return told


def _link(link: PlannedLink, identify: Callable[[bytes], str]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "traceId": identify(bytes.fromhex(link.trace_id)),
        "spanId": identify(bytes.fromhex(link.span_id)),
        "flags": link_flags(link),
    }
    if link.tracestate:
        told["traceState"] = link.tracestate
    return told
