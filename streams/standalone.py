"""One server, at a fixed address or wherever sentinels say that the primary is."""

from collections.abc import Iterable, Sequence
from typing import Any

import redis
from redis.connection import ConnectionPool
from redis.sentinel import Sentinel

from streams.exchange import Command, Exchange
from streams.slots import by_slot


class Sent:
    """Commands on their way to one server; to be ended by `finish` or `abandon`."""

    def __init__(self, pool: ConnectionPool, commands: Sequence[Command]) -> None:
        self._pool = pool
        self._exchange = Exchange([(pool, commands)])

    def finish(self) -> list[Any]:
        """The reply to each command, or the redis.ResponseError. Raises redis.RedisError when the connection failed."""
        (replies,) = self._exchange.finish()
        if any(isinstance(reply, redis.ReadOnlyError) for reply in replies):
            self._pool.disconnect(inuse_connections=False)  # no longer the primary: the next try looks for it anew
        return replies

    def abandon(self) -> None:
        """Read no replies."""
        self._exchange.abandon()


class Standalone:
    """Sends everything to one server, which `sentinel` finds where there is one."""

    def __init__(self, server: redis.Redis, sentinel: Sentinel | None = None) -> None:
        self._server = server
        self._sentinel = sentinel
        self._one_slot_each = False

    @property
    def kind(self) -> str:
        """What is more than one plain server."""
        return "the primary of its sentinels" if self._sentinel else ""

    def send(self, commands: Sequence[Command]) -> list[Any]:
        """The reply to each command, or the redis.ResponseError. Raises redis.RedisError when the connection failed."""
        return self.begin(commands).finish()

    def begin(self, commands: Sequence[Command]) -> "Sent":
        """As `send`, without waiting for the replies. Raises redis.RedisError."""
        return Sent(self._server.connection_pool, commands)

    def send_primaries(self, command: Command) -> dict[str, Any]:
        """As `send`, by the name of the server."""
        (reply,) = self.send([command])
        return {"the server": reply}

    def group(self, keys: Iterable[bytes]) -> list[list[bytes]]:
        """The keys, those together that one XREAD may name."""
        return by_slot(keys) if self._one_slot_each else [list(keys)]

    def note_slots(self) -> None:
        """Keep in mind that the server refuses commands over several slots, as proxies in front of clusters do."""
        self._one_slot_each = True

    def pools(self) -> list[ConnectionPool]:
        """The pools of connections, for whoever signs in anew."""
        return [self._server.connection_pool]

    def close(self) -> None:
        """Close every connection."""
        self._server.close()
        if self._sentinel is not None:
            self._sentinel.close()
