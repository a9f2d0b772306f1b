"""One try at sending spans with OpenTelemetry's OTLP exporter, and an answer that says what to do next."""

import json
import logging
import math
from collections.abc import Callable, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime

import requests
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource

from spans.answer import Answer, Delivered, Partly, Refused, Unavailable, judge_status
from spans.attempt import OneTrySession, Response
from spans.otlp import Envelope

LONGEST_REASON = 300

# It logs every try, and a stop of the endpoint would fill the log; the exporter of the outbox tells what changed, once.
_LIBRARY_LOGGER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"


class _RequestExporter(OTLPSpanExporter):
    """The official exporter, with all its `OTEL_EXPORTER_OTLP_*` settings, for a request that is encoded already.

    Its own encoder takes six times as long as `spans.otlp` and leaves out the tracestate of links.
    """

    def export_request(self, request: bytes, span_count: int) -> bool:
        """What `export` does once it has encoded its spans."""
        with self._metrics.export_operation(span_count) as operation:
            result = self._client.export(request)
            operation.error = result.error
        return result.success

    def exceeds_size(self, request: bytes) -> bool:
        """Whether the request is over the exporter's limit."""
        return 0 < self._max_request_size < len(request)


class Delivery:
    """Sends requests to the endpoint that `OTEL_EXPORTER_OTLP_*` names.

    `session` is what an OpenTelemetry credential provider made, if any. `now_seconds` reads the wall clock, which
    a `Retry-After` with a date is compared with. `largest_request_bytes` is the exporter's default where it is None.
    """

    def __init__(
        self,
        resource: Resource,
        now_seconds: Callable[[], float],
        session: requests.Session | None = None,
        largest_request_bytes: int | None = None,
    ) -> None:
        logging.getLogger(_LIBRARY_LOGGER).setLevel(logging.CRITICAL)
        self._now_seconds = now_seconds
        self._envelope = Envelope(resource)
        self._session = OneTrySession(session or requests.Session())
        self._exporter = _RequestExporter(session=self._session, max_request_size=largest_request_bytes)

    def send(self, spans: Sequence[bytes]) -> Answer:
        """Send encoded spans in one request, once. Takes up to `OTEL_EXPORTER_OTLP_TRACES_TIMEOUT`; raises nothing."""
        request = self._envelope.wrap(spans)
        if self._exporter.exceeds_size(request):
            return Refused(413, f"the request of {len(request)} bytes is over the exporter's limit")
        accepted = self._exporter.export_request(request, len(spans))
        response = self._session.response
        if response is None:
            return Unavailable(self._session.failure)
        if accepted:
            return _read_acceptance(response)
        return judge_status(response.status, _read_reason(response), self._read_retry_after(response.retry_after))

    def close(self) -> None:
        """Close the connections; nothing can be sent afterwards."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # the library's own gap

    def _read_retry_after(self, text: str | None) -> float | None:
        if text is None:
            return None
        try:
            seconds = float(text)
        except ValueError:
            try:
                moment = parsedate_to_datetime(text)
            except ValueError:
                return None
            seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - self._now_seconds()
        return max(seconds, 0.0) if math.isfinite(seconds) else None


def _read_acceptance(response: Response) -> Delivered | Partly:
    rejected, message = 0, ""
    try:
        if response.content_type.startswith("application/x-protobuf"):
            partial = ExportTraceServiceResponse.FromString(response.body or b"").partial_success
            rejected, message = partial.rejected_spans, partial.error_message
        elif response.content_type.startswith("application/json"):
            said = json.loads(response.body or b"{}").get("partialSuccess") or {}
            rejected, message = int(said.get("rejectedSpans", 0)), str(said.get("errorMessage", ""))
    except (DecodeError, ValueError, TypeError, AttributeError):
        message = "the endpoint accepted the spans, but its answer is not OTLP"
    message = _shorten(message)
    return Partly(rejected, message) if rejected > 0 else Delivered(message)


def _read_reason(response: Response) -> str:
    """What the body says (OTLP: a google.rpc.Status), or else the phrase of the status line."""
    body, message = response.body or b"", ""
    if response.content_type.startswith("application/x-protobuf"):
        try:
            message = Status.FromString(body).message
        except DecodeError:
            message = ""
    elif response.content_type.startswith(("application/json", "text/plain")):
        message = body.decode(errors="replace")
    return _shorten(message) or response.phrase


def _shorten(text: str) -> str:
    """One printable line: it goes into logs."""
    line = " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 3] + "..."
