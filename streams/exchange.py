"""One round trip with one or more servers, each command sent exactly once."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import redis
from hiredis import pack_command
from redis.connection import ConnectionPool

from streams.errors import name_command

Argument = bytes | str | int | float
Command = Sequence[Argument]


_pack: Callable[[tuple[Argument, ...]], bytes] = pack_command  # type: ignore[assignment]  # its stub says one argument


class Underway(Protocol):
    """Commands on their way; to be ended by `finish` or `abandon`."""

    def finish(self) -> list[Any]: ...
    def abandon(self) -> None: ...


class Answered:
    """Commands that are through already."""

    def __init__(self, replies: list[Any]) -> None:
        self._replies = replies

    def finish(self) -> list[Any]:
        """The reply to each command, or the redis.ResponseError."""
        return self._replies

    def abandon(self) -> None:
        """Nothing is left to do."""


class Exchange:
    """One round trip that has begun: the commands are sent, and Redis works while others do something else.

    It is to be ended by `finish` or `abandon`. Raises redis.RedisError, as `finish` does, when a connection failed:
    then nobody knows which commands were carried out. redis-py would send them again, which doubles an event.
    """

    def __init__(self, requests: Sequence[tuple[ConnectionPool, Sequence[Command]]]) -> None:
        self._unread: deque[tuple[ConnectionPool, Any, Sequence[Command]]] = deque()
        try:
            for pool, commands in requests:
                self._unread.append((pool, pool.get_connection(), commands))
            for _, connection, commands in self._unread:
                # redis-py looks at each argument in Python before it packs them, which takes longer than the packing.
                connection.send_packed_command([b"".join([_pack(tuple(command)) for command in commands])])
        except BaseException:
            self.abandon()
            raise

    def finish(self) -> list[list[Any]]:
        """The replies of each server to its commands, as Redis sends them (RESP 2): texts are bytes.

        An element is a redis.ResponseError where the server refused that command.
        """
        replies = []
        try:
            while self._unread:
                pool, connection, commands = self._unread[0]
                replies.append([_read(connection, command) for command in commands])
                self._unread.popleft()
                pool.release(connection)
        finally:
            self.abandon()
        return replies

    def abandon(self) -> None:
        """Read no more; nothing where all has been read."""
        while self._unread:
            pool, connection, _ = self._unread.popleft()
            connection.disconnect()  # or the next one to use it would read these replies as its own
            pool.release(connection)


def exchange(requests: Sequence[tuple[ConnectionPool, Sequence[Command]]]) -> list[list[Any]]:
    """One round trip: `Exchange`, begun and finished."""
    return Exchange(requests).finish()


def _read(connection: Any, command: Command) -> Any:
    try:
        return connection.read_response()
    except redis.ResponseError as error:
        return name_command(error, command)
