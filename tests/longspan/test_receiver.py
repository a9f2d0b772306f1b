import gzip
import http.client
import zlib
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from longspan.receiver import ACCEPTED, Answer, AnswerLost, ExportRequest, Receiver


def one_span() -> bytes:
    request: Any = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.add(key="service.name").value.string_value = "longspan"
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "longspan"
    span = scope_spans.spans.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, name="run", start_time_unix_nano=5)
    span.attributes.add(key="n").value.int_value = 7
    span.attributes.add(key="list").value.array_value.values.add().bool_value = True
    span.status.code = 2
    return bytes(request.SerializeToString())


def post(connection: http.client.HTTPConnection, body: bytes, encoding: str | None = None) -> int:
    connection.request("POST", "/v1/traces", body, {"Content-Encoding": encoding} if encoding else {})
    with connection.getresponse() as response:
        response.read()
        return response.status


@pytest.fixture
def connection(receiver: Receiver) -> Any:
    connection = http.client.HTTPConnection(receiver.endpoint.removeprefix("http://"))
    yield connection
    connection.close()


def test_spans_are_decoded_whatever_the_compression(receiver: Receiver, connection: http.client.HTTPConnection) -> None:
    body = one_span()
    assert post(connection, body) == 200
    assert post(connection, gzip.compress(body), "gzip") == 200
    assert post(connection, zlib.compress(body), "deflate") == 200
    assert receiver.request_count == 3
    assert receiver.wait_until(lambda: len(receiver.spans) == 3)
    span = receiver.spans[0]
    assert (span.trace_id, span.span_id, span.parent_id) == ("01" * 16, "02" * 8, "")
    assert (span.name, span.start_ns, span.status) == ("run", 5, "error")
    assert span.attributes == {"n": 7, "list": [True]}
    assert span.resource == {"service.name": "longspan"}
    assert receiver.spans[0].encoded == receiver.spans[2].encoded


def test_rubbish_and_other_paths_are_refused(receiver: Receiver, connection: http.client.HTTPConnection) -> None:
    assert post(connection, b"not gzip", "gzip") == 400
    connection.request("POST", "/v1/metrics", b"")
    assert connection.getresponse().status == 404
    assert receiver.spans == []


def test_a_subclass_may_refuse_and_lose_answers() -> None:
    class Moody(Receiver):
        def answer(self, request: ExportRequest) -> Answer:
            if self.request_count == 1:
                return 503, {"Retry-After": "1"}, b""
            if self.request_count == 2:
                raise AnswerLost(kept=True)
            return ACCEPTED

    with Moody() as receiver:
        connection = http.client.HTTPConnection(receiver.endpoint.removeprefix("http://"))
        assert post(connection, one_span()) == 503
        with pytest.raises(http.client.RemoteDisconnected):
            post(connection, one_span())
        assert post(connection, one_span()) == 200
        assert len(receiver.spans) == 2
        connection.close()


def test_stopping_closes_connections_that_clients_keep_open() -> None:
    receiver = Receiver().start()
    connection = http.client.HTTPConnection(receiver.endpoint.removeprefix("http://"))
    assert post(connection, one_span()) == 200
    receiver.stop()
    connection.auto_open = 0
    with pytest.raises((http.client.HTTPException, OSError)):
        post(connection, one_span())
    connection.close()
