"""One round trip with one or more servers, each command sent exactly once."""

from collections.abc import Sequence
from typing import Any

import redis
from redis.connection import ConnectionPool

from streams.errors import name_command

Argument = bytes | str | int | float
Command = Sequence[Argument]


def exchange(requests: Sequence[tuple[ConnectionPool, Sequence[Command]]]) -> list[list[Any]]:
    """The replies of each server to its commands, as Redis sends them (RESP 2): texts are bytes.

    An element is a redis.ResponseError where the server refused that command. Raises redis.RedisError when a connection
    failed: then nobody knows which commands were carried out. redis-py would send them again, which doubles an event.
    """
    borrowed: list[tuple[ConnectionPool, Any]] = []
    unread = 0
    try:
        for pool, _ in requests:
            borrowed.append((pool, pool.get_connection()))
        unread = len(borrowed)
        for (_, connection), (_, commands) in zip(borrowed, requests, strict=True):
            connection.send_packed_command(connection.pack_commands(commands))
        replies = []
        for (_, connection), (_, commands) in zip(borrowed, requests, strict=True):
            replies.append([_read(connection, command) for command in commands])
            unread -= 1
        return replies
    finally:
        for index, (pool, connection) in enumerate(borrowed):
            if index >= len(borrowed) - unread:
                connection.disconnect()  # or the next one to use it would read these replies as its own
            pool.release(connection)


def _read(connection: Any, command: Command) -> Any:
    try:
        return connection.read_response()
    except redis.ResponseError as error:
        return name_command(error, command)
