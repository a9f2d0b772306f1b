"""`longspan rebuild` against a server of a test, and the backend that it sends to."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner, Result

from longspan.command import main
from longspan.receiver import Receiver
from tests.journey.running import NAMESPACE
from tests.support.servers import Server


@contextmanager
def rebuilding(server: Server, prefix: str) -> Iterator[Any]:
    """The verb, and the backend that it sends to."""
    with Receiver() as successor, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("LONGSPAN_", "OTEL_"))]:
            patch.delenv(name)
        patch.setenv("LONGSPAN_REDIS_URL", server.url)
        patch.setenv("LONGSPAN_PREFIX", prefix)
        patch.setenv("LONGSPAN_NAMESPACE", NAMESPACE)
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", successor.endpoint)

        def rebuild(*arguments: str) -> Any:
            result: Result = CliRunner().invoke(main, ["rebuild", *arguments], catch_exceptions=False)
            assert result.exit_code == 0, result.output
            return json.loads(result.stdout)

        yield rebuild, successor
