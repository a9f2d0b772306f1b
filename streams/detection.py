"""A server that may turn out to be a node of a cluster: it is asked at the first command."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import redis
from redis.connection import ConnectionPool

from streams.cluster import Cluster
from streams.exchange import Command, Underway
from streams.standalone import Standalone


class Detected:
    """The server, or the cluster that it is a node of. Nothing is asked before it has to be, so that a server which
    cannot be reached yet shows at the first command."""

    def __init__(self, server: Standalone, cluster: Callable[[], Cluster]) -> None:
        self._server = server
        self._make_cluster = cluster
        self._found: Standalone | Cluster | None = None

    @property
    def kind(self) -> str:
        """As of what it turns out to be."""
        return self._find().kind

    def send(self, commands: Sequence[Command]) -> list[Any]:
        """As of what it turns out to be."""
        return self._find().send(commands)

    def begin(self, commands: Sequence[Command]) -> Underway:
        """As of what it turns out to be."""
        return self._find().begin(commands)

    def send_primaries(self, command: Command) -> dict[str, Any]:
        """As of what it turns out to be."""
        return self._find().send_primaries(command)

    def group(self, keys: Iterable[bytes]) -> list[list[bytes]]:
        """As of what it turns out to be."""
        return self._find().group(keys)

    def note_slots(self) -> None:
        """As of what it turns out to be."""
        self._find().note_slots()

    def pools(self) -> list[ConnectionPool]:
        """As of what it turned out to be so far."""
        return (self._found or self._server).pools()

    def close(self) -> None:
        """Close every connection."""
        (self._found or self._server).close()

    def _find(self) -> Standalone | Cluster:
        if self._found is None:
            (reply,) = self._server.send([("INFO", "cluster")])
            is_cluster = not isinstance(reply, redis.ResponseError) and b"cluster_enabled:1" in reply
            if is_cluster:
                self._server.close()
            self._found = self._make_cluster() if is_cluster else self._server
        return self._found
