"""Runs to be exported, an endpoint in memory, and what has to arrive there."""

import threading
from collections.abc import Callable, Sequence

from opentelemetry.sdk.trace import SpanLimits

from spans.answer import Answer, Delivered
from spans.delivery import Delivery
from spans.dispatch import Sender
from spans.export import Exporter
from spans.ids import span_id, trace_id
from tests.spans.journals import record
from tests.spans.ledger import Ledger
from tests.spans.pauses import Pauses

NOW_MS = 1_790_000_000_000
Deliver = Callable[..., Delivery]
PLACED = record("placed", "+a", at=0)
RUN = [PLACED, record("moved", "-a", "+b", at=1), record("ended", "-b", "*completed", at=2, outcome="ok")]
NAMES = ["a", "b", "order"]


class Endpoint:
    """Takes encoded spans in memory."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[list[bytes]] = []

    def send(self, spans: Sequence[bytes]) -> Answer:
        """The next answer, or acceptance."""
        self.requests.append(list(spans))
        return self.answers.pop(0) if self.answers else Delivered()

    @property
    def ids(self) -> list[list[str]]:
        """The span ids of each request."""
        return [[span[20:28].hex() for span in request] for request in self.requests]


def ids(workflow_id: str, *visits: tuple[str, int], run: int = 1) -> list[str]:
    """Span ids of state visits."""
    own = trace_id("default", "order", workflow_id, run)
    return [f"{span_id(own, path, visit):016x}" for path, visit in visits]


WHOLE = (("a", 1), ("b", 1), ("", 0))


def exporter(ledger: Ledger, sender: Sender) -> Exporter:
    return Exporter(ledger.outbox, sender, "default", SpanLimits(), now_ms=lambda: NOW_MS, spread=lambda: 1.0)


def drain(exporting: Exporter, stop: threading.Event | None = None) -> None:
    """Until the outbox is empty."""
    while exporting.drain_once(stop or Pauses(), 1):
        pass
