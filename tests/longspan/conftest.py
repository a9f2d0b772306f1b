"""Settings for the `longspan` command: a prefix of its own on a shared server."""

import pytest

from longspan.receiver import Receiver
from tests.support.servers import Server


@pytest.fixture
def settings(valkey_server: Server, prefix: str, receiver: Receiver) -> dict[str, str]:
    """Where the command finds server and endpoint."""
    return {
        "LONGSPAN_REDIS_URL": valkey_server.url,
        "LONGSPAN_PREFIX": prefix,
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
    }
