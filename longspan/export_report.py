"""What is told of an exporter's work: counts of spans and requests, and how long requests took."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import msgspec

from streams.histogram import SHORT_SECONDS, Histogram

if TYPE_CHECKING:
    from spans.answer import Answer
    from spans.dispatch import Sender, Tally

REQUEST_SECONDS = (*SHORT_SECONDS, 30.0)  # a request may take as long as OTEL_EXPORTER_OTLP_TIMEOUT says


class ExportReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """Counted since the process began: spans by what became of them, and requests.

    `request_counts` are those that took at most each of REQUEST_SECONDS, then those that took longer than all of them;
    `request_seconds` is what all took together. `held` is how many partitions it may export now.
    `unavailable_since_ms` is None while the endpoint answers.
    """

    held: int = 0
    sent: int = 0
    rejected: int = 0
    refused: int = 0
    unreadable: int = 0
    requests: int = 0
    retries: int = 0
    request_counts: tuple[int, ...] = ()
    request_seconds: float = 0.0
    unavailable_since_ms: int | None = None
    last_error: str = ""

    @property
    def requests_took(self) -> Histogram:
        """How long requests took, in seconds."""
        histogram = Histogram(REQUEST_SECONDS)
        if len(self.request_counts) == len(histogram.counts):
            histogram.counts, histogram.sum = list(self.request_counts), self.request_seconds
        return histogram


class Timed:
    """A sender that notes how long its requests take, in seconds."""

    def __init__(self, sender: "Sender") -> None:
        self._sender = sender
        self.took = Histogram(REQUEST_SECONDS)

    def send(self, spans: Sequence[bytes]) -> "Answer":
        """Send encoded spans in one request, once."""
        began = time.perf_counter()
        try:
            return self._sender.send(spans)
        finally:
            self.took.observe(time.perf_counter() - began)


def report_exports(held: int, tally: "Tally", took: Histogram) -> ExportReport:
    """How things stand with an exporter of `held` partitions."""
    return ExportReport(
        held=held, request_counts=tuple(took.counts), request_seconds=round(took.sum, 6), **asdict(tally)
    )
