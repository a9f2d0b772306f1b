"""The API's server: Hypercorn around the application, from a bound port to an end in good order."""

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from hypercorn.asyncio import serve
from starlette.applications import Starlette

from api.access import Access
from api.app import make_app
from api.service import Service
from longspan.access import check_host, make_access
from longspan.api_service import make_service
from longspan.errors import ListenError
from longspan.memory import settle_memory
from longspan.serving import Patience, ServerConfig, tell_loop_error
from longspan.settings import Settings
from longspan.store import open_store

if TYPE_CHECKING:
    from machines.catalog import Catalog

logger = logging.getLogger("longspan.api")

PATIENCE_SECONDS = 1.5  # until it ends whatever goes on


def run(settings: Settings, catalog: "Catalog", host: str, port: int) -> None:
    """Serve until a signal comes. Raises OpenListenError, ListenError, SettingsError, EmbeddedServerError."""
    check_host(settings, host)
    access = make_access(settings)
    listening = listen(host, port)
    with listening:
        store = open_store(settings)
        service = make_service(settings, store, catalog)
        try:
            logger.info("%s, prefix %s", store.shown, settings.prefix)
            logger.info("machines: %s", ", ".join(f"{machine.name} {machine.version}" for machine in catalog))
            config = ServerConfig(listening, settings.api_connections)
            app = make_app(service, access)
            settle_memory()
            asyncio.run(serve_until_signal(app, config, url_of(listening), service.end))
        finally:
            service.reader.close()
            store.client.close()
    logger.info("stopped")


class AppThread:
    """An application served in a thread of this process, on `listening`, while it is entered; then that is closed.

    `end` is called when it begins to end, before requests that are under way get their answers.
    """

    def __init__(
        self, app: Starlette, listening: socket.socket, config: ServerConfig, end: Callable[[], object]
    ) -> None:
        self._app = app
        self._listening = listening
        self._config = config
        self._end = end
        self._ending: Callable[[], object] = lambda: None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="api", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending()
        self._thread.join()
        self._listening.close()

    async def _serve(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._ending = lambda: loop.call_soon_threadsafe(stop.set)
        self._ready.set()
        await _serve(self._app, self._config, stop, self._end)


class ApiThread(AppThread):
    """The API in a thread of this process."""

    def __init__(
        self,
        service: Service,
        listening: socket.socket,
        connections: int,
        patience: Patience | None = None,
        access: Access | None = None,
    ) -> None:
        super().__init__(
            make_app(service, access), listening, ServerConfig(listening, connections, patience), service.end
        )


def listen(host: str, port: int, verb: str = "longspan api") -> socket.socket:
    """A socket that listens there for this verb; port 0 is any free one. Raises ListenError."""
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ListenError(verb, (host, port), error) from None
    # Connections inherit it; asyncio sets it only for sockets of another make. Without it an answer, whose head and
    # body are two segments, waits 40 ms for an acknowledgement that the client delays.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def url_of(listening: socket.socket) -> str:
    """Where a browser on this machine finds it."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104  # what was bound, told as what can be opened
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve_until_signal(app: Starlette, config: ServerConfig, url: str, end: Callable[[], object]) -> None:
    """Serve until SIGTERM or SIGINT comes; `end` is called then."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    logger.info("listening: %s", url)
    await _serve(app, config, stop, end)


async def _serve(app: Starlette, config: ServerConfig, stop: asyncio.Event, end: Callable[[], object]) -> None:
    """Serve until `stop` is set: then streams end at once, and requests that are under way get their answers."""
    asyncio.get_running_loop().set_exception_handler(tell_loop_error)
    serving = asyncio.create_task(serve(config.watch(app), config, shutdown_trigger=stop.wait))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    end()
    # Newer versions of Python wait for every connection when a server closes, also for a client that reads nothing.
    _, late = await asyncio.wait({serving}, timeout=PATIENCE_SECONDS)
    if late:
        serving.cancel()
        await asyncio.wait({serving})
    else:
        serving.result()
