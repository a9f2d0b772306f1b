"""The API for tests: the real app on a real server, asked in process, or over HTTP from a Hypercorn of its own."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from starlette.applications import Starlette

from api.access import Access
from api.app import make_app
from api.reader import Reader
from api.service import Options, Service
from longspan.api_server import ApiThread, listen, url_of
from longspan.serving import Patience
from machines.catalog import Catalog
from streams.client import Client
from streams.keys import Keys


def make_service(
    connect: Callable[[], Client], keys: Keys, catalog: Catalog, now_ns: Callable[[], int], **options: Any
) -> Service:
    """A service with options of the test's own; its reader must be closed."""
    return Service(Reader(connect, 2), keys, catalog, Options(**options), now_ns)


class AppClient:
    """Asks an app in process, each request in a loop of its own; answers are whole (not for streams without an end)."""

    def __init__(self, app: Starlette) -> None:
        self.app = app

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """One request, as httpx.request takes it."""
        return asyncio.run(self._ask(method, url, options))

    def get(self, url: str, **options: Any) -> httpx.Response:
        """GET."""
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        """POST."""
        return self.request("POST", url, **options)

    async def _ask(self, method: str, url: str, options: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://longspan") as client:
            return await client.request(method, url, **options)


@contextmanager
def app_client(service: Service, access: Access | None = None) -> Iterator[AppClient]:
    """A client of the real app, until the block ends."""
    try:
        yield AppClient(make_app(service, access))
    finally:
        service.reader.close()


@contextmanager
def served(
    service: Service, access: Access | None = None, *, connections: int = 1_000, patience: Patience | None = None
) -> Iterator[str]:
    """The URL of the real server with the real app, until the block ends."""
    listening = listen("127.0.0.1", 0)
    try:
        with ApiThread(service, listening, connections, patience, access):
            yield url_of(listening)
    finally:
        service.reader.close()
