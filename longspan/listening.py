"""A socket that listens and keeps so many connections open and no more, none of them for nothing."""

import logging
import socket
import sys
import time
from contextlib import suppress
from typing import Any

if sys.platform != "win32":  # which has no such limit
    import resource

logger = logging.getLogger(__name__)

SPARE_FILES = 200  # for Redis, logs, and what the libraries open
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Listener(socket.socket):
    """Accepts at most `most` connections at once; those beyond are told so, and closed.

    Hypercorn has no such limit. asyncio takes connections through `accept` of the socket that it is given. Before one
    is taken, those on which nothing was asked for `idle_seconds` are closed: Hypercorn forgets to when a client says
    that it speaks HTTP/2 and then nothing more.
    """

    def __init__(self, bound: socket.socket, most: int, idle_seconds: float, stall_seconds: float) -> None:
        super().__init__(fileno=bound.detach())  # so that the protocol is known, or asyncio leaves Nagle's delay on
        self.most = most
        self.connections: dict[object, Connection] = {}
        self._idle_seconds = idle_seconds
        self._looked_at = 0.0
        self._told = False
        # Bytes that the other side does not take: the kernel gives the connection up. Hypercorn would wait for ever.
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(stall_seconds * 1_000))
            self.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection. Raises ConnectionAbortedError where it was one too many."""
        descriptor, address = self._accept()  # type: ignore[attr-defined]  # as socket.accept does
        self._close_idle(time.monotonic())
        connection = Connection(self, descriptor, address[:2])
        if len(self.connections) < self.most:
            self.connections[connection.client] = connection
            return connection, address
        self._tell()
        connection.setblocking(False)
        with suppress(OSError), connection:
            connection.send(_FULL)
        raise ConnectionAbortedError(f"{self.most} connections are open")

    def forget(self, connection: "Connection") -> None:
        """A connection has ended."""
        if self.connections.get(connection.client) is connection:
            del self.connections[connection.client]
            self._told = self._told and len(self.connections) > self.most // 2

    def _close_idle(self, now: float) -> None:
        if self._looked_at <= now < self._looked_at + self._idle_seconds / 4:
            return
        self._looked_at = now
        for connection in list(self.connections.values()):
            if not connection.requests and now - connection.since > self._idle_seconds:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)  # Hypercorn reads the end of it, and closes it

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            logger.warning(
                "%d connections are open, and more are refused until some end: see who keeps them open, or raise"
                " LONGSPAN_API_CONNECTIONS and the limit of open files",
                self.most,
            )


class Connection(socket.socket):
    """A connection to `client`, its address. `requests` are under way; `since` is when it was last seen with one."""

    def __init__(self, listener: Listener, descriptor: int, client: object) -> None:
        super().__init__(listener.family, listener.type, listener.proto, fileno=descriptor)
        self.client = client
        self.requests = 0
        self.since = time.monotonic()
        self._listener = listener

    def close(self) -> None:
        """Close it."""
        super().close()
        self._listener.forget(self)


def fit_files(connections: int) -> int:
    """How many connections the limit of open files leaves room for, at most so many; it is raised if it may be."""
    if sys.platform == "win32":
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
        if raised < needed:
            logger.warning(
                "%d files may be open, which leaves room for %d connections, not %d: raise the limit (ulimit -n)",
                raised,
                max(1, raised - SPARE_FILES),
                connections,
            )
        return max(1, raised - SPARE_FILES)
    return connections
