"""The encoder beside OpenTelemetry's own."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource

from machines.attributes import AttributeValue
from machines.journal import Header, Record
from spans.ids import SpanId, TraceId
from spans.otlp import Envelope, encode_span
from spans.plan import plan
from spans.planned import PlannedEvent, PlannedLink, PlannedSpan
from spans.protobuf import varint
from spans.resource import describe_resource
from tests.spans.journals import header, journals, record
from tests.spans.readable import make_readable

RESOURCE = Resource({"service.name": "longspan", "service.namespace": "default"})
SAMPLED = 1
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
integers = st.integers(-(2**63), 2**63 - 1)
floats = st.floats(allow_nan=False)
scalars = text | st.booleans() | integers | floats
lists = (
    st.lists(text, min_size=1)
    | st.lists(st.booleans(), min_size=1)
    | st.lists(integers, min_size=1)
    | st.lists(floats, min_size=1)
)
times = st.integers(0, 2**63 - 1)


def decode(spans: list[PlannedSpan]) -> ExportTraceServiceRequest:
    """What a receiver reads."""
    request: ExportTraceServiceRequest = ExportTraceServiceRequest.FromString(
        Envelope(RESOURCE).wrap(map(encode_span, spans))
    )
    return request


def expected(spans: list[PlannedSpan]) -> ExportTraceServiceRequest:
    """What OpenTelemetry's encoder makes of them, and what it leaves out: the sampled flag and tracestate of links."""
    request = encode_spans([make_readable(span, RESOURCE) for span in spans])
    for told, span in zip(request.resource_spans[0].scope_spans[0].spans, spans, strict=True):
        told.flags |= SAMPLED
        for link, planned in zip(told.links, span.links, strict=True):
            link.trace_state = planned.tracestate or ""
    return request


@settings(deadline=None)
@given(journals())
def test_spans_of_journals_are_encoded_as_opentelemetry_does(journal: tuple[Header, list[Record]]) -> None:
    spans = plan("default", "o-1", *journal).spans
    if spans:
        assert decode(spans) == expected(spans)


@settings(deadline=None)
@given(
    st.dictionaries(text.filter(bool), scalars | lists),
    st.lists(st.builds(PlannedEvent, text, times, st.none() | st.dictionaries(text.filter(bool), text))),
    st.sampled_from(["unset", "ok", "error"]),
    st.none() | text.filter(bool),
    times,
)
def test_any_content_is_encoded_as_opentelemetry_does(
    attributes: dict[str, AttributeValue], events: list[PlannedEvent], status: str, message: str | None, time_ns: int
) -> None:
    span = PlannedSpan(
        trace_id=TraceId(1),
        span_id=SpanId(2**64 - 1),
        parent_id=None,
        name="zustand \N{SNOWMAN}",
        path="a",
        visit=1,
        start_ns=0,
        end_ns=time_ns,
        attributes=attributes,
        events=events,
        links=[PlannedLink(f"{5:032x}", f"{7:016x}", remote=False)],
        status=status,  # type: ignore[arg-type]  # one of the three
        message=message if status == "error" else None,
        parent_remote=False,
    )
    assert decode([span]) == expected([span])


def test_dropped_counts_are_encoded() -> None:
    (span, *_) = plan("default", "o-1", header(), [record("x", "+a", "-a", "*z", at=0, outcome="ok")]).spans
    span = msgspec.structs.replace(
        span,
        dropped_attributes=1,
        dropped_events=200,
        dropped_links=3,
        events=[PlannedEvent("x", 1, {"a": "b"}, dropped_attributes=4)],
    )
    (told,) = decode([span]).resource_spans[0].scope_spans[0].spans
    assert (told.dropped_attributes_count, told.dropped_events_count, told.dropped_links_count) == (1, 200, 3)
    assert told.events[0].dropped_attributes_count == 4


def test_one_and_one_point_zero_and_true_stay_apart() -> None:
    (span, *_) = plan("default", "o-1", header(), [record("x", "+a", "-a", "*z", at=0, outcome="ok")]).spans
    for value in (1, 1.0, True, 1):
        one = msgspec.structs.replace(span, attributes={"v": value})
        assert decode([one]) == expected([one])


def test_a_request_is_its_encoded_spans_one_after_another() -> None:
    spans = plan("default", "o-1", header(), [record("x", "+a", "+a.b", "-a.b", "-a", "*z", at=0, outcome="ok")]).spans
    encoded = [encode_span(span) for span in spans]
    assert ExportTraceServiceRequest.FromString(Envelope(RESOURCE).wrap(encoded)) == decode(spans)
    assert all(
        encoded_span[2:18] == span.trace_id.to_bytes(16) for encoded_span, span in zip(encoded, spans, strict=True)
    )


@pytest.mark.parametrize("number", [0, 127, 128, 300, 2**32, 2**64 - 1])
def test_varints_read_back(number: int) -> None:
    encoded = varint(number)
    assert sum((byte & 127) << 7 * index for index, byte in enumerate(encoded)) == number
    assert [byte >> 7 for byte in encoded] == [1] * (len(encoded) - 1) + [0]


def test_the_resource_names_the_service_and_the_tenant_and_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    monkeypatch.delenv("OTEL_RESOURCE_ATTRIBUTES", raising=False)
    assert dict(describe_resource("blue").attributes) == {"service.name": "longspan", "service.namespace": "blue"}
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=risk,deployment.environment.name=test")
    assert describe_resource("blue").attributes["service.name"] == "risk"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "risk-traces")
    assert dict(describe_resource("blue").attributes) == {
        "service.name": "risk-traces",
        "deployment.environment.name": "test",
        "service.namespace": "blue",
    }
