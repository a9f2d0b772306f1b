"""Settings for the `longspan` command: a prefix of its own on a shared server."""

from collections.abc import Iterator

import pytest

from longspan.receiver import Receiver
from streams.keys import Keys
from tests.longspan.probed import Probed
from tests.support.servers import Server


@pytest.fixture
def settings(valkey_server: Server, prefix: str, receiver: Receiver) -> dict[str, str]:
    """Where the command finds server and endpoint."""
    return {
        "LONGSPAN_REDIS_URL": valkey_server.url,
        "LONGSPAN_PREFIX": prefix,
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
    }


@pytest.fixture
def probed(valkey_server: Server, prefix: str) -> Iterator[Probed]:
    """A worker that has noted nothing yet."""
    probed = Probed(valkey_server.url, Keys(prefix))
    yield probed
    probed.health.stop()
