"""The demo's page: the API in a thread of the demo, on port 8080 or the next one that is free."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from longspan.errors import ListenError
from longspan.settings import Settings
from longspan.store import Store

if TYPE_CHECKING:
    from socket import socket

_FIRST_PORT = 8080
_TRIED_PORTS = 20


@contextmanager
def demo_page(settings: Settings, store: Store) -> Iterator[str]:
    """Where the page is, while the block lasts. Everybody on this machine is let in."""
    from longspan.access import make_access
    from longspan.api_server import ApiThread, url_of
    from longspan.api_service import make_service
    from machines.catalog import EXAMPLES, load_catalog

    listening = _listen()
    service = make_service(settings, store, load_catalog([str(EXAMPLES)]))
    try:
        with ApiThread(service, listening, settings.api_connections, access=make_access(settings)):
            yield url_of(listening)
    finally:
        service.reader.close()


def _listen() -> "socket":
    from longspan.api_server import listen

    for port in range(_FIRST_PORT, _FIRST_PORT + _TRIED_PORTS):
        with suppress(ListenError):
            return listen("127.0.0.1", port)
    return listen("127.0.0.1", 0)
