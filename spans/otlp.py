"""Planned spans as OTLP: the bytes of `Span` messages, and of the request around them.

Encoded spans are kept as bytes, since a request is nothing but its spans one after another: they are batched, split and
set aside without being encoded again.
"""

from collections.abc import Iterable, Mapping
from typing import cast

from opentelemetry.sdk.resources import Resource

from machines.attributes import AttributeValue
from spans.planned import PlannedEvent, PlannedLink, PlannedSpan, SpanStatus
from spans.protobuf import Pairs, fixed32, fixed64, fixed64_pair, key_text, key_value, sized, text, varint

SCOPE_NAME = "longspan"
SCOPE_VERSION = "1"  # of the trace model, not of the program

_HAS_REMOTE, _IS_REMOTE = 0x100, 0x200
_SAMPLED = 0x1
_FLAGS = {
    flags: b"\x85\x01" + fixed32(flags) for flags in (_HAS_REMOTE | _SAMPLED, _HAS_REMOTE | _IS_REMOTE | _SAMPLED)
}
_INTERNAL = b"\x30\x01"
_attributes = Pairs(b"\x4a")
_STATUS: dict[SpanStatus, bytes] = {"unset": b"", "ok": b"\x18\x01", "error": b"\x18\x02"}
_SAID_NOTHING = {status: b"\x7a" + sized(encoded) for status, encoded in _STATUS.items()}


def span_flags(span: PlannedSpan) -> int:
    """What `flags` of a span says: sampled, and whether its parent is remote."""
    return _HAS_REMOTE | _SAMPLED | (_IS_REMOTE if span.parent_remote else 0)


def link_flags(link: PlannedLink) -> int:
    """What `flags` of a link says: whether the span is remote."""
    return _HAS_REMOTE | (_IS_REMOTE if link.remote else 0)


def encode_span(span: PlannedSpan) -> bytes:
    """The opentelemetry.proto.trace.v1.Span message of a planned span.

    Raises UnicodeEncodeError for text that is not Unicode (lone surrogates).
    """
    parts = [b"\x0a\x10", span.trace_id.to_bytes(16), b"\x12\x08", span.span_id.to_bytes(8)]
    if span.tracestate:
        parts += (b"\x1a", text(span.tracestate))
    if span.parent_id is not None:
        parts += (b"\x22\x08", span.parent_id.to_bytes(8))
    parts += (b"\x2a", text(span.name), _INTERNAL, fixed64_pair(b"\x39", span.start_ns, b"\x41", span.end_ns))
    parts += _attributes.encode(span.attributes)
    if span.dropped_attributes:
        parts += (b"\x50", varint(span.dropped_attributes))
    for event in span.events:
        parts += (b"\x5a", sized(_event(event)))
    if span.dropped_events:
        parts += (b"\x60", varint(span.dropped_events))
    for link in span.links:
        parts += (b"\x6a", sized(_link(link)))
    if span.dropped_links:
        parts += (b"\x70", varint(span.dropped_links))
    if span.message:
        parts += (b"\x7a", sized(b"\x12" + text(span.message) + _STATUS[span.status]), _FLAGS[span_flags(span)])
    else:
        parts += (_SAID_NOTHING[span.status], _FLAGS[span_flags(span)])
    return b"".join(parts)


def _event(event: PlannedEvent) -> bytes:
    encoded = b"\x09%b\x12%b" % (fixed64(event.time_ns), text(event.name))
    for name, value in (event.attributes or {}).items():
        encoded += b"\x1a" + key_text(name, value)
    return encoded + b"\x20" + varint(event.dropped_attributes) if event.dropped_attributes else encoded


def _link(link: PlannedLink) -> bytes:
    encoded = b"\x0a\x10" + bytes.fromhex(link.trace_id) + b"\x12\x08" + bytes.fromhex(link.span_id)
    if link.tracestate:
        encoded += b"\x1a" + text(link.tracestate)
    return encoded + b"\x35" + fixed32(link_flags(link))


class Envelope:
    """What is around the spans of every request: the resource and the scope."""

    def __init__(self, resource: Resource) -> None:
        # Its values come from the environment and from text, so they are plain scalars.
        pairs = cast(Mapping[str, AttributeValue], resource.attributes).items()
        content = b"".join(b"\x0a" + key_value(name, value) for name, value in pairs)
        self._resource = b"\x0a" + sized(content)
        self._scope = b"\x0a" + sized(b"\x0a" + text(SCOPE_NAME) + b"\x12" + text(SCOPE_VERSION))

    def wrap(self, spans: Iterable[bytes]) -> bytes:
        """The ExportTraceServiceRequest of encoded spans."""
        parts = [self._scope]
        for span in spans:
            parts += (b"\x12", varint(len(span)), span)
        scope_spans = sized(b"".join(parts))
        return b"\x0a" + sized(self._resource + b"\x12" + scope_spans)
