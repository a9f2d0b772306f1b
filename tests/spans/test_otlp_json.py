"""JSON forms of spans say the same as the bytes that are exported."""

import base64
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]  # protobuf ships no types
from hypothesis import given, settings
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits

from machines.attributes import AttributeValue
from machines.journal import Header, Record
from spans.live import live_trace
from spans.otlp import Envelope, encode_span
from spans.otlp_json import resource_spans_json, span_json, value_json
from tests.spans.journals import START_NS, journals

RESOURCE = Resource({"service.name": "longspan", "service.namespace": "shop"})
LIMITS = SpanLimits(max_events=2, max_links=1, max_span_attributes=6)


@settings(deadline=None)
@given(journals())
def test_both_forms_say_of_every_span_what_its_bytes_say(journal: tuple[Header, list[Record]]) -> None:
    for span in live_trace("default", "o-1", *journal, LIMITS, START_NS).spans:
        expected = Span.FromString(encode_span(span))
        assert ParseDict(span_json(span, "tempo"), Span()) == expected
        told = span_json(span, "otlp")
        assert (told["kind"], told["status"].get("code", 0)) == (1, expected.status.code)
        assert ParseDict(with_base64_ids(told), Span()) == expected


def test_resource_and_scope_are_those_of_a_request() -> None:
    told = resource_spans_json(RESOURCE, [], "tempo")
    request = Envelope(RESOURCE).wrap([])
    assert b"\x0a" + bytes([len(request) - 2]) + ParseDict(told, ResourceSpans()).SerializeToString() == request


@pytest.mark.parametrize(
    "value", ["x", True, -(2**63), 1.5, float("inf"), -float("inf"), float("nan"), ["a", "b"], [1, 2], [True], [0.5]]
)
def test_values_of_every_kind_are_those_of_protobuf(value: AttributeValue) -> None:
    parsed = ParseDict(value_json(value), AnyValue())
    kind = parsed.WhichOneof("value")
    assert kind is not None
    found = getattr(parsed, kind)
    if isinstance(value, list):
        assert [getattr(one, str(one.WhichOneof("value"))) for one in found.values] == value
    else:
        assert str(found) == str(value)


def with_base64_ids(told: dict[str, Any]) -> dict[str, Any]:
    """As protobuf's own JSON has ids."""
    ids = {name: base64.b64encode(bytes.fromhex(told[name])).decode() for name in told if name.lower().endswith("id")}
    return {**told, **ids, **({"links": [with_base64_ids(link) for link in told["links"]]} if "links" in told else {})}
