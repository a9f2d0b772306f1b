"""Getting parcels accepted: try until the endpoint has judged every span, and set aside what it refuses."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from spans.answer import Answer, Delivered, Partly, Refused, Unavailable
from spans.backoff import Backoff
from spans.parcel import Parcel

_log = logging.getLogger(__name__)
_MOST_REASONS = 5  # that are told of one outage
_REMINDER_MS = 600_000
_REST_SECONDS = 1.0  # of a wait, after which it is asked whether to go on waiting
_QUIET_SECONDS = 1.0  # a single failure with a shorter wait after it is not worth a line


class Stop(Protocol):
    """What of `threading.Event` is used here."""

    def is_set(self) -> bool:
        """Whether to stop."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for it at most `timeout` seconds."""


class Sender(Protocol):
    """What of `spans.delivery.Delivery` is used here."""

    def send(self, spans: Sequence[bytes]) -> Answer:
        """Send encoded spans in one request, once."""


@dataclass(slots=True)
class Tally:
    """What has become of spans since this process started. `unavailable_since_ms` is None while the endpoint answers.

    `rejected` counts spans of requests that were accepted in part, `refused` spans that were set aside one by one.
    """

    sent: int = 0
    rejected: int = 0
    refused: int = 0
    unreadable: int = 0
    requests: int = 0
    retries: int = 0
    last_error: str = ""
    unavailable_since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something to keep aside: an encoded span, or none where it is about a whole request or journal."""

    partition: int
    span: bytes
    fields: dict[str, str]


Piece = tuple[Parcel, Sequence[bytes]]


class Dispatch:
    """Sends batches of parcels. `now_ms` reads the wall clock, `spread` gives random numbers from 0 to 1."""

    def __init__(self, sender: Sender, now_ms: Callable[[], int], spread: Callable[[], float]) -> None:
        self.tally = Tally()
        self._sender = sender
        self._now_ms = now_ms
        self._backoff = Backoff(spread)
        self._rest_seconds = 0.0  # that the endpoint is still to be left alone
        self._left_ms = 0  # when a rest was interrupted
        self._outage: set[str] = set()  # the reasons of this outage that were written to the log
        self._told: dict[str, int] = {}  # what was written to the log, by kind, and when (ms)

    def deliver(
        self, parcels: Sequence[Parcel], stop: Stop, allowed: Callable[[], bool] = lambda: True
    ) -> Iterator[list[Refusal]]:
        """Send the spans of parcels in one request, or in as many as refusals make necessary.

        Yields what was refused, if anything, each time that spans were settled: before the next request, they can be
        acknowledged. Ends when all are; and with `unsettled` spans as soon as `stop` is set, or `allowed`, which is
        asked before each request and every second while the endpoint is unavailable, says no.
        """
        whole: list[Piece] = [(parcel, parcel.spans) for parcel in parcels if parcel.spans]
        waiting = [whole] if whole else []
        self._rested()
        while waiting and self._rest(stop, allowed):
            pieces = waiting[-1]
            answer = self._sender.send([span for _, spans in pieces for span in spans])
            self.tally.requests += 1
            if isinstance(answer, Unavailable):
                self._note_unavailable(answer)
                continue
            self._note_available()
            waiting.pop()
            if not isinstance(answer, Refused):
                yield self._settle(pieces, answer)
            elif halves := _halve(pieces):
                waiting += reversed(halves)
            else:
                yield [self._refuse(pieces[0], answer)]

    def _settle(self, pieces: list[Piece], answer: Delivered | Partly) -> list[Refusal]:
        count = 0
        for parcel, spans in pieces:
            parcel.unsettled -= len(spans)
            count += len(spans)
        if isinstance(answer, Delivered):
            self.tally.sent += count
            if answer.warning:
                self._tell("warning", f"The OTLP endpoint accepted spans with a warning: {answer.warning}")
            return []
        rejected = min(answer.rejected, count)
        self.tally.sent += count - rejected
        self.tally.rejected += rejected
        self._tell("partly", f"The OTLP endpoint rejected some spans of an accepted request: {answer.reason}")
        traces = sorted(set().union(*(parcel.trace_ids for parcel, _ in pieces)))
        fields = {
            "status": "200",
            "reason": answer.reason,
            "rejected": str(answer.rejected),
            "spans": str(count),
            "trace_ids": " ".join(traces),
        }
        return [Refusal(pieces[0][0].partition, b"", fields)]

    def _refuse(self, piece: Piece, answer: Refused) -> Refusal:
        parcel, (span,) = piece
        parcel.unsettled -= 1
        self.tally.refused += 1
        self.tally.last_error = said = f"HTTP {answer.status} {answer.reason}"
        about = {"workflow_id": parcel.item.workflow_id, "run": parcel.item.run, "trace_id": span[2:18].hex()}
        self._tell(said[:8], f"The OTLP endpoint refuses spans, they are kept aside: {said}", about)
        fields = {
            "status": str(answer.status),
            "reason": answer.reason,
            "workflow": parcel.item.workflow_id,
            "run": str(parcel.item.run),
            "trace_ids": span[2:18].hex(),
        }
        return Refusal(parcel.partition, span, fields)

    def _rest(self, stop: Stop, allowed: Callable[[], bool]) -> bool:
        """Leave the endpoint alone as long as it needs; false where no request may follow."""
        while not stop.is_set() and allowed():
            if self._rest_seconds <= 0:
                return True
            seconds = min(self._rest_seconds, _REST_SECONDS)
            stop.wait(seconds)
            self._rest_seconds -= seconds
        self._left_ms = self._now_ms()
        return False

    def _rested(self) -> None:
        """Count what has passed of a rest that was interrupted."""
        if self._rest_seconds > 0:
            self._rest_seconds -= max(0, self._now_ms() - self._left_ms) / 1000

    def _note_unavailable(self, answer: Unavailable) -> None:
        tally = self.tally
        self._rest_seconds = seconds = self._backoff.next_wait(answer.retry_after_seconds)
        lasting = tally.unavailable_since_ms is not None or seconds >= _QUIET_SECONDS
        if lasting and answer.reason not in self._outage and len(self._outage) < _MOST_REASONS:
            self._outage.add(answer.reason)
            _log.warning("The OTLP endpoint is unavailable (%s). Spans wait in the outbox.", answer.reason)
        if tally.unavailable_since_ms is None:
            tally.unavailable_since_ms = self._now_ms()
        tally.last_error = answer.reason
        tally.retries += 1

    def _note_available(self) -> None:
        since_ms = self.tally.unavailable_since_ms
        if since_ms is None:
            return
        self.tally.unavailable_since_ms = None
        self._backoff.reset()
        if self._outage:
            self._outage.clear()
            _log.info("The OTLP endpoint is available again after %.1f s.", (self._now_ms() - since_ms) / 1000)

    def _tell(self, kind: str, line: str, about: Mapping[str, object] | None = None) -> None:
        """Write a line to the log, of each kind one in ten minutes: its details may differ with every span."""
        now_ms = self._now_ms()
        if now_ms - self._told.get(kind, -_REMINDER_MS) >= _REMINDER_MS:
            self._told[kind] = now_ms
            _log.warning("%s", line, extra=about)


def _halve(pieces: list[Piece]) -> list[list[Piece]]:
    """Two halves, whole runs together as long as there are several; none of a single span."""
    if len(pieces) > 1:
        middle = len(pieces) // 2
        return [pieces[:middle], pieces[middle:]]
    parcel, spans = pieces[0]
    middle = len(spans) // 2
    return [[(parcel, spans[:middle])], [(parcel, spans[middle:])]] if middle else []
