"""The API's server with its real configuration, around an app that is small and knows what is left of its requests."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hypercorn.asyncio import serve
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from api.allowance import Allowance
from api.bodies import read_body
from api.guard import Guard
from api.problems import Problem
from longspan.serving import Patience, ServerConfig, tell_loop_error
from tests.support.waiting import wait_for

BODY_SECONDS = 0.5
BODY_LIMIT = 1_000_000
SHORT = Patience(idle=0.5, stall=1.0, shutdown=0.2)
LARGE = b"x" * 10_000_000


class App:
    """Answers as the API does: with the length of what was posted, or late and without reading what was sent."""

    def __init__(self) -> None:
        self.allowance = Allowance()
        self.under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})
            return
        request = Request(scope, receive)
        self.under_way += 1
        try:
            response = await self._answer(request)
        except Problem as problem:
            response = problem.response(request.url.path)
        finally:
            self.under_way -= 1
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.url.path == "/large":
            return Response(LARGE)
        if request.url.path == "/unread":
            await asyncio.sleep(0.05)  # as long as it takes to ask Redis; meanwhile the body piles up
            return PlainTextResponse("not read", 404)
        with self.allowance.share() as share:
            body = await read_body(request, BODY_LIMIT, share, BODY_SECONDS)
        return PlainTextResponse(str(len(body)))


class Running:
    """A server of the real configuration around a small app."""

    def __init__(self, connections: int, patience: Patience) -> None:
        self.app = App()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.config = ServerConfig(self._listening, connections, patience)
        self._stop = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self.port = int(self._listening.getsockname()[1])

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self.config.listener.connections)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left of what was asked."""
        return self.open == 0 and self.app.under_way == 0 and self.app.allowance.held == 0

    def tasks(self) -> int:
        """How many tasks the loop has."""

        async def count() -> int:
            return len(asyncio.all_tasks())

        return asyncio.run_coroutine_threadsafe(count(), self._loop).result(5)

    def start(self) -> None:
        """Begin to listen, and wait until somebody answers."""
        self._thread.start()
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(b"OPTIONS / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            while connection.recv(1_024):
                pass
        wait_for(lambda: self.is_empty)

    def stop(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._listening.close()

    def _run(self) -> None:
        app = self.config.watch(Guard(self.app, linger_seconds=0.1))
        self._loop.set_exception_handler(tell_loop_error)
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(serve(app, self.config, shutdown_trigger=self._stop.wait))


@contextmanager
def running(connections: int = 1_000, patience: Patience = SHORT) -> Iterator[Running]:
    """A server, until the block ends."""
    server = Running(connections, patience)
    server.start()
    try:
        yield server
    finally:
        server.stop()
