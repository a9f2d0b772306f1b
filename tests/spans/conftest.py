"""An outbox in a real server, and deliveries to endpoints on loopback."""

from collections.abc import Callable, Iterator

import pytest
from opentelemetry.sdk.resources import Resource

from spans.delivery import Delivery
from streams.keys import Keys
from tests.spans.ledger import Ledger
from tests.support.probe import Probe
from tests.support.servers import Server

NOW_SECONDS = 1_790_000_000


@pytest.fixture
def ledger(server: Server, prefix: str) -> Iterator[Ledger]:
    """An outbox under a prefix of its own."""
    with Probe(server.url) as client:
        yield Ledger(client, Keys(prefix))


@pytest.fixture
def deliver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Delivery]]:
    """Makes deliveries to an endpoint, with OTEL_EXPORTER_OTLP_* set to the rest."""
    made: list[Delivery] = []

    def make(endpoint: str, *arguments: object, **settings: str) -> Delivery:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        for name, value in settings.items():
            monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", value)
        resource = Resource({"service.name": "longspan"})
        made.append(Delivery(resource, lambda: NOW_SECONDS, *arguments))  # type: ignore[arg-type]  # options are passed on as they are
        return made[-1]

    yield make
    for delivery in made:
        delivery.close()
