"""Asking a Tempo which spans of a trace it has."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import requests
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no types
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from spans.backoff import Backoff
from spans.dispatch import Stop
from spans.errors import SpansError

TIMEOUT_SECONDS = 20.0
_TRACE, _STATUS, _MESSAGE = 1, 3, 4  # fields of TraceByIDResponse
_AGAIN = frozenset((408, 425, 429))  # and 5xx: it may answer another time
_CONNECTIONS = 64


class TempoError(SpansError):
    """What was asked is no Tempo, or does not let us ask; `reason` says what it answered."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the Tempo cannot be asked: {reason}")


class Stored(NamedTuple):
    """The span ids of a trace that a Tempo has; `message` says why it may have more, where it gave only a part."""

    span_ids: frozenset[bytes]
    message: str = ""


class Tempo:
    """A Tempo's query API at a URL. Any number of threads may ask.

    A Tempo that is away is asked again, with growing waits, for `patience_ms`. `now_ms` reads a clock, `spread` gives
    random numbers from 0 to 1.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        stop: Stop,
        now_ms: Callable[[], int],
        spread: Callable[[], float],
        patience_ms: int,
    ) -> None:
        self._url = url.rstrip("/")
        self._stop = stop
        self._now_ms = now_ms
        self._spread = spread
        self._patience_ms = patience_ms
        self._session = requests.Session()
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=_CONNECTIONS)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)
        self._session.headers.update(headers)

    def greet(self) -> None:
        """Ask whether it is a Tempo at all: to take another server's answers for its own would send everything twice.

        Raises TempoError.
        """
        answer = self._get("/api/echo", "*/*")
        if answer.content.strip() != b"echo":
            raise TempoError("it does not answer /api/echo as a Tempo does: give its URL, such as http://tempo:3200")

    def find(self, trace_id: str) -> Stored:
        """What it has of a trace (32 hexadecimal digits): nothing, where it does not know it. Raises TempoError."""
        answer = self._get(f"/api/v2/traces/{trace_id}", "application/protobuf")
        kind = answer.headers.get("Content-Type", "")
        if not kind.startswith("application/protobuf"):
            raise TempoError(
                f"it answers with {kind or 'no content type'}, not protobuf: it must be version 2.7 or later"
            )
        try:
            return read_trace(answer.content)
        except (DecodeError, ValueError, IndexError):
            raise TempoError("its answer is no trace in protobuf") from None

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def _get(self, path: str, accept: str) -> requests.Response:
        backoff, began_ms = Backoff(self._spread), self._now_ms()
        while True:
            asked_seconds = None
            try:
                answer = self._session.get(
                    self._url + path, headers={"Accept": accept}, timeout=TIMEOUT_SECONDS, allow_redirects=False
                )
            except requests.RequestException as error:
                reason = f"nothing came back ({type(error).__name__})"
            else:
                reason = f"HTTP {answer.status_code} {answer.reason}"
                if answer.status_code == requests.codes.ok:
                    return answer
                if answer.status_code not in _AGAIN and answer.status_code < 500:
                    raise TempoError(f"{reason} to {path.rpartition('/')[0]}{_advise(answer.status_code)}")
                wait = answer.headers.get("Retry-After", "")
                asked_seconds = float(wait) if wait.isascii() and wait.isdigit() else None
            if self._stop.is_set():
                raise TempoError("it was stopped")
            if self._now_ms() - began_ms >= self._patience_ms:
                raise TempoError(reason)
            self._stop.wait(backoff.next_wait(asked_seconds))


def read_trace(body: bytes) -> Stored:
    """The span ids in a TraceByIDResponse. Raises DecodeError, ValueError, IndexError for what is none."""
    span_ids: set[bytes] = set()
    partial, message = False, ""
    for number, value in _fields(body):
        if number == _TRACE and isinstance(value, bytes):
            trace = TracesData.FromString(value)
            span_ids.update(
                span.span_id
                for resource in trace.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            )
        elif number == _STATUS:
            partial = value != 0
        elif number == _MESSAGE and isinstance(value, bytes):
            message = value.decode(errors="replace")
    return Stored(frozenset(span_ids), (message or "it gave only a part of the trace") if partial else "")


def _fields(body: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a message: varints and what has a length, all that there is in this one."""
    place = 0
    while place < len(body):
        key, place = _varint(body, place)
        value, place = _varint(body, place)
        if key & 7 == 0:
            yield key >> 3, value
        elif key & 7 == 2 and place + value <= len(body):
            yield key >> 3, body[place : place + value]
            place += value
        else:
            raise ValueError(key)


def _varint(body: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while body[place] & 0x80:
        value |= (body[place] & 0x7F) << shift
        place, shift = place + 1, shift + 7
    return value | body[place] << shift, place + 1


def _advise(status: int) -> str:
    if status in (401, 403):
        return ": set LONGSPAN_TEMPO_HEADERS, such as Authorization=Bearer%20... or X-Scope-OrgID=..."
    return ": give its URL, such as http://tempo:3200" if status == 404 else ""
