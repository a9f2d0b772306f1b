"""Runs to be exported, an endpoint in memory, and what has to arrive there."""

import threading
from collections.abc import Callable, Mapping, Sequence

from opentelemetry.sdk.trace import SpanLimits

from spans.answer import Answer, Delivered
from spans.delivery import Delivery
from spans.dispatch import Sender
from spans.export import Exporter, Leases
from spans.ids import span_id, trace_id
from streams.outbox import Outbox
from tests.spans.journals import record
from tests.spans.ledger import PARTITIONS, Ledger
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
        self.meanwhile: Callable[[], None] = lambda: None
        self.requests: list[list[bytes]] = []

    def send(self, spans: Sequence[bytes]) -> Answer:
        """The next answer, or acceptance, after what happens meanwhile."""
        self.meanwhile()
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


class Held:
    """Leases as a test says; every partition's unless told otherwise."""

    def __init__(self, nonces: dict[int, bytes] | None = None) -> None:
        self.nonces = dict.fromkeys(range(PARTITIONS), b"") if nonces is None else nonces

    def take_up(self) -> dict[int, bytes]:
        """Those now."""
        return dict(self.nonces)

    def allows(self, held: Mapping[int, bytes]) -> bool:
        """As long as they are the same."""
        return held.items() <= self.nonces.items()


def exporter(
    ledger: Ledger,
    sender: Sender,
    leases: Leases | None = None,
    outbox: Outbox | None = None,
    now_ms: Callable[[], int] = lambda: NOW_MS,
) -> Exporter:
    """One that holds every partition, unless told otherwise."""
    return Exporter(
        outbox or ledger.outbox,
        leases or Held(),
        sender,
        "default",
        SpanLimits(),
        now_ms=now_ms,
        spread=lambda: 1.0,
    )


def drain(exporting: Exporter, stop: threading.Event | None = None) -> None:
    """Until the outbox is empty."""
    while exporting.drain_once(stop or Pauses(), 1):
        pass
