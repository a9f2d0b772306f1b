"""Where everything is kept: the server that the settings name, or the embedded one."""

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longspan.embedded import adopt_server
from longspan.settings import Settings, redacted
from longspan.signin import choose_credentials

if TYPE_CHECKING:
    from redis.credentials import CredentialProvider

    from streams.client import Client
    from streams.keys import Keys


@dataclass(frozen=True, slots=True)
class Store:
    """A client, the keys under the prefix, the URL, the URL as it may be shown, and what signs in if not the URL."""

    client: "Client"
    keys: "Keys"
    url: str
    shown: str
    credentials: "CredentialProvider | None" = None

    def connect(self) -> "Client":
        """Another client of the same server."""
        from streams.client import connect

        return connect(self.url, self.credentials)

    @property
    def partitions(self) -> int | None:
        """The number of partitions, None where no worker has ever started under this prefix."""
        from streams.layout import read_partitions

        return read_partitions(self.client, self.keys)


def open_store(settings: Settings, found: Callable[[str], None] = lambda _url: None) -> Store:
    """Connect, starting the embedded server where no other is set. `found` is given the URL as soon as it is known.

    Raises EmbeddedServerError, MissingPackageError; a server that cannot be reached shows at the first command.
    """
    if settings.redis_url is None:
        url = adopt_server(settings.data)
        shown = f"{url} (embedded, data in {settings.data})"
    else:
        url, shown = settings.redis_url, redacted(settings.redis_url)
    found(url)
    load_redis()
    from streams.client import connect
    from streams.keys import Keys

    credentials = choose_credentials(settings)
    return Store(connect(url, credentials), Keys(settings.prefix), url, shown, credentials)


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
