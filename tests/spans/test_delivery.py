"""Delivery to a real endpoint on loopback."""

import gzip
import logging
from collections.abc import Callable
from email.utils import formatdate

import pytest
import requests
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExportResult

from longspan.receiver import Answer, AnswerLost, ExportRequest, Receiver
from spans.answer import Delivered, Partly, Refused, Unavailable
from spans.delivery import LONGEST_REASON, Delivery
from spans.otlp import encode_span
from spans.plan import plan
from tests.spans.conftest import NOW_SECONDS
from tests.spans.endpoints import AnsweringReceiver, SilentReceiver, raw_endpoint
from tests.spans.journals import header, record
from tests.spans.readable import make_readable
from tests.support.servers import free_port

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
RESOURCE = Resource({"service.name": "longspan"})
PLANNED = plan("default", "o-1", header(), [record("x", "+a", "-a", "*z", at=0, outcome="ok")]).spans
SPANS = [encode_span(span) for span in PLANNED]

Deliver = Callable[..., Delivery]


def test_an_accepted_request_is_delivered_and_the_connection_is_kept(deliver: Deliver) -> None:
    with AnsweringReceiver() as receiver:
        delivery = deliver(receiver.endpoint)
        assert delivery.send(SPANS) == Delivered()
        assert delivery.send(SPANS[:1]) == Delivered()
        assert [span.name for span in receiver.spans] == ["a", "order", "a"]
        assert receiver.spans[0].scope == ("longspan", "1")
        assert receiver.spans[0].resource == {"service.name": "longspan"}


def test_the_request_is_what_the_official_exporter_would_have_sent(deliver: Deliver) -> None:
    with AnsweringReceiver() as receiver:
        delivery = deliver(receiver.endpoint, HEADERS="authorization=Bearer%20abc,x-scope-orgid=t1")
        assert delivery.send(SPANS) == Delivered()
        exporter = OTLPSpanExporter()
        assert exporter.export([make_readable(span, RESOURCE) for span in PLANNED]) is SpanExportResult.SUCCESS
        exporter.shutdown()  # type: ignore[no-untyped-call]  # the library's own gap
        ours, official = receiver.asked
        ignored = {"Content-Length", "Host"}
        assert {k: v for k, v in ours.headers.items() if k not in ignored} == {
            k: v for k, v in official.headers.items() if k not in ignored
        }
        assert ours.headers["Authorization" if "Authorization" in ours.headers else "authorization"] == "Bearer abc"
        assert ours.path == official.path == "/v1/traces"


def test_requests_are_compressed_where_the_settings_say_so(deliver: Deliver) -> None:
    seen: list[bytes] = []

    class Session(requests.Session):
        """Shows what goes over the wire."""

        def send(self, request: requests.PreparedRequest, **options: object) -> requests.Response:
            """Look at the body and send it."""
            assert isinstance(request.body, bytes)
            seen.append(request.body)
            return super().send(request, **options)  # type: ignore[arg-type]  # options are passed on as they are

    with AnsweringReceiver() as receiver:
        assert deliver(receiver.endpoint, Session(), COMPRESSION="gzip").send(SPANS) == Delivered()
        assert gzip.decompress(seen[0]) == receiver.asked[0].body
        assert len(receiver.spans) == 2


@pytest.mark.parametrize("status", [200, 202, 204])
def test_every_2xx_accepts(deliver: Deliver, status: int) -> None:
    with AnsweringReceiver((status, {}, b"")) as receiver:
        assert deliver(receiver.endpoint).send(SPANS) == Delivered()


@pytest.mark.parametrize("status", [400, 413, 422, 418])
def test_a_judgement_of_the_spans_is_a_refusal(deliver: Deliver, status: int) -> None:
    said = Status(code=3, message="span 1 is\nbad").SerializeToString()
    with AnsweringReceiver((status, PROTOBUF, said)) as receiver:
        assert deliver(receiver.endpoint).send(SPANS) == Refused(status, "span 1 is bad")


@pytest.mark.parametrize(
    "status", [301, 302, 307, 401, 402, 403, 404, 405, 407, 408, 415, 425, 429, 500, 501, 502, 503, 504]
)
def test_a_judgement_of_the_place_or_the_moment_is_no_refusal_and_is_tried_once(deliver: Deliver, status: int) -> None:
    with AnsweringReceiver((status, {"Location": "/elsewhere"}, b"")) as receiver:
        answer = deliver(receiver.endpoint).send(SPANS)
        assert isinstance(answer, Unavailable)
        assert answer.reason.startswith(f"HTTP {status}")
        assert answer.retry_after_seconds is None
        assert receiver.request_count == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("-3", 0.0),
        (formatdate(NOW_SECONDS + 90, usegmt=True), 90.0),
        (formatdate(NOW_SECONDS - 90, usegmt=True), 0.0),
        ("soon", None),
        ("inf", None),
        ("nan", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(deliver: Deliver, text: str, seconds: float | None) -> None:
    with AnsweringReceiver((429, {"Retry-After": text}, b"")) as receiver:
        assert deliver(receiver.endpoint).send(SPANS) == Unavailable("HTTP 429 Too Many Requests", seconds)


def partial(rejected: int, message: str) -> bytes:
    """The body of a partial success."""
    success = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    return bytes(ExportTraceServiceResponse(partial_success=success).SerializeToString())


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        ((200, PROTOBUF, partial(1, "too long")), Partly(1, "too long")),
        ((200, PROTOBUF, partial(0, "please slow down")), Delivered("please slow down")),
        ((200, JSON, b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"no"}}'), Partly(2, "no")),
        ((200, JSON, b"{}"), Delivered()),
        ((200, {"Content-Type": "text/html"}, b"<h1>hello</h1>"), Delivered()),
        ((200, PROTOBUF, b"\xff\xff"), Delivered("the endpoint accepted the spans, but its answer is not OTLP")),
        ((200, JSON, b"[1]"), Delivered("the endpoint accepted the spans, but its answer is not OTLP")),
    ],
)
def test_a_partial_success_is_told_with_its_count(deliver: Deliver, answer: Answer, meaning: object) -> None:
    with AnsweringReceiver(answer) as receiver:
        assert deliver(receiver.endpoint).send(SPANS) == meaning


def test_nobody_listening_is_unavailable(deliver: Deliver) -> None:
    assert deliver(f"http://127.0.0.1:{free_port()}").send(SPANS) == Unavailable("Connection refused")


def test_a_host_that_does_not_exist_is_unavailable(deliver: Deliver) -> None:
    answer = deliver("http://nowhere.invalid:4318").send(SPANS)
    assert isinstance(answer, Unavailable)
    assert answer.reason


def test_no_answer_within_the_timeout_is_unavailable(deliver: Deliver) -> None:
    with SilentReceiver() as receiver:
        delivery = deliver(receiver.endpoint, TRACES_TIMEOUT="0.2")
        assert delivery.send(SPANS) == Unavailable("no answer within the timeout")
        assert receiver.wait_until(lambda: receiver.request_count == 1)


def test_a_lost_answer_is_unavailable_and_not_tried_again_by_the_library(deliver: Deliver) -> None:
    class Losing(Receiver):
        """Takes the spans and hangs up."""

        def answer(self, request: ExportRequest) -> Answer:
            """Hang up."""
            raise AnswerLost(kept=True)

    with Losing() as receiver:
        assert isinstance(deliver(receiver.endpoint).send(SPANS), Unavailable)
        assert receiver.request_count == 1


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (b"HTTP/1.1 20", Unavailable("the connection ended without an answer")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", Delivered()),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nshort", Unavailable("HTTP 503 Busy")),
        (b"HTTP/1.1 400 Bad\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000, Refused(400, "Bad")),
        (b"not http at all\r\n\r\n", Unavailable("the connection ended without an answer")),
    ],
)
def test_an_answer_that_is_cut_counts_by_its_status(deliver: Deliver, answer: bytes, meaning: object) -> None:
    with raw_endpoint(answer) as endpoint:
        assert deliver(endpoint).send(SPANS) == meaning


def test_a_request_over_the_exporters_limit_is_refused_without_being_sent(deliver: Deliver, receiver: Receiver) -> None:
    answer = deliver(receiver.endpoint, None, 100).send(SPANS)
    assert isinstance(answer, Refused)
    assert answer.status == 413
    assert receiver.request_count == 0


def test_a_long_reason_is_cut(deliver: Deliver) -> None:
    with AnsweringReceiver((400, {"Content-Type": "text/plain"}, b"because " * 1000)) as receiver:
        answer = deliver(receiver.endpoint).send(SPANS)
        assert isinstance(answer, Refused)
        assert len(answer.reason) == LONGEST_REASON


def test_no_secret_is_told_when_a_request_cannot_be_made(deliver: Deliver, caplog: pytest.LogCaptureFixture) -> None:
    class Session(requests.Session):
        """Fails as requests does for a bad header, quoting it."""

        def request(self, *args: object, **options: object) -> requests.Response:
            """Fail."""
            raise requests.exceptions.InvalidHeader("Invalid header value: 'Bearer s3cret'")

    with caplog.at_level(logging.DEBUG):
        answer = deliver("http://127.0.0.1:9/?key=s3cret", Session(), HEADERS="authorization=s3cret").send(SPANS)
        refused = deliver("http://user:s3cret@127.0.0.1:9/?key=s3cret").send(SPANS)
    assert answer == Unavailable("the request could not be made (InvalidHeader)")
    assert refused == Unavailable("Connection refused")
    assert not [line for line in caplog.messages if "s3cret" in line and "urllib3" not in line]
