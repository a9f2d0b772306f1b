"""How the API's HTTP server is set up: limits that hold whatever clients do."""

import asyncio
import logging
import time
from dataclasses import dataclass
from socket import socket
from typing import Any, cast

from hypercorn.config import Config, Sockets
from hypercorn.typing import ASGIFramework
from starlette.types import ASGIApp, Receive, Scope, Send

from longspan.listening import Listener, fit_files

HEAD_BYTES = 16 * 1024  # of request line and headers; up to 64 KiB pass where they come in one piece

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client may take, in seconds.

    `idle`: to send the head of a request, counted from the connection or the last answer. `stall`: to take what was
    sent to it. `shutdown`: to get its answer when the server ends. A body is timed where it is read (api/bodies.py):
    Hypercorn's `read_timeout` would also end every stream of events to a client that has nothing to say.
    """

    idle: float = 30.0
    stall: float = 30.0
    shutdown: float = 1.0


class ServerConfig(Config):
    """Hypercorn's configuration for a socket that is bound, which stays the caller's to close.

    At most so many connections are open at once, fewer where the limit of open files is low.
    """

    def __init__(self, listening: socket, connections: int, patience: Patience | None = None) -> None:
        patience = patience or Patience()
        self.listener = Listener(listening.dup(), fit_files(connections), 2 * patience.idle, patience.stall)
        self.listener.setblocking(False)
        self.errorlog = logging.getLogger("longspan.api.server")
        self.errorlog.setLevel(logging.WARNING)
        self.include_server_header = False
        self.backlog = 1_024
        self.keep_alive_timeout = patience.idle
        self.graceful_timeout = patience.shutdown
        self.h11_max_incomplete_size = HEAD_BYTES
        self.h2_max_header_list_size = HEAD_BYTES
        self.h2_max_concurrent_streams = 32
        self.max_app_queue_size = 4  # pieces of up to 64 KiB of a body that nobody has read yet
        self.websocket_max_message_size = 1  # there are no web sockets here

    def create_sockets(self) -> Sockets:
        """What Hypercorn is to listen on."""
        return Sockets([], [self.listener], [])

    def watch(self, app: ASGIApp) -> ASGIFramework:
        """The same app, which lets the listener know where a request is under way."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            connection = self.listener.connections.get(tuple(scope.get("client") or ()))
            if connection is None:
                await app(scope, receive, send)
                return
            connection.requests += 1
            try:
                await app(scope, receive, send)
            finally:
                connection.requests -= 1
                connection.since = time.monotonic()

        return cast(ASGIFramework, watched)


def tell_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What the loop does with errors that nobody awaited: those of one connection are told in one line.

    Hypercorn fails with a KeyError where an HTTP/2 client still sends when its answer is complete: the connection is
    closed, and the client has had its answer.
    """
    error = context.get("exception")
    if "transport" in context and error is not None:
        logger.debug("a connection was closed after %r", error)
    else:
        loop.default_exception_handler(context)
