"""Where everything is kept: the server that the settings name, or the embedded one."""

import importlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longspan.embedded import adopt_server
from longspan.settings import Settings, redacted

if TYPE_CHECKING:
    from streams.client import Client
    from streams.keys import Keys


@dataclass(frozen=True, slots=True)
class Store:
    """A client, the keys under the prefix, the URL, and the URL as it may be shown."""

    client: "Client"
    keys: "Keys"
    url: str
    shown: str

    @property
    def partitions(self) -> int | None:
        """The number of partitions, None where no worker has ever started under this prefix."""
        from streams.layout import read_partitions

        return read_partitions(self.client, self.keys)


def open_store(settings: Settings) -> Store:
    """Connect, starting the embedded server where no other is set. Raises EmbeddedServerError; a server that cannot be
    reached shows at the first command."""
    if settings.redis_url is None:
        url = adopt_server(settings.data)
        shown = f"{url} (embedded, data in {settings.data})"
    else:
        url, shown = settings.redis_url, redacted(settings.redis_url)
    load_redis()
    from streams.client import connect
    from streams.keys import Keys

    return Store(connect(url), Keys(settings.prefix), url, shown)


def load_redis() -> None:
    """Import redis-py without OpenTelemetry's metrics SDK, which it would load for metrics that nobody asked for."""
    unwanted = "opentelemetry"
    if unwanted in sys.modules or "redis" in sys.modules:
        return
    sys.modules[unwanted] = None  # type: ignore[assignment]  # the documented way to say that there is no such module
    try:
        importlib.import_module("redis")
    finally:
        del sys.modules[unwanted]
