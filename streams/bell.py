"""The bell: an entry in a stream that wakes whoever waits for entries, when partitions or a role became free."""

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping

import redis

from streams.client import Client, read_streams
from streams.errors import KeyTypeError
from streams.keys import Keys

logger = logging.getLogger(__name__)


class Bell:
    """Reads streams so that a ring ends the wait; `rung` says whether one did in the last read."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self.rung = False
        self._client = client
        self._key = keys.bell
        self._position = b"0-0"

    def ring(self) -> None:
        """Wake the others. That they are woken only saves them a second, so it is no matter where it fails."""
        with contextlib.suppress(redis.RedisError):
            self._client.call("XADD", self._key, "MAXLEN", 1, "*", "rung", "")

    def read(
        self, positions: Mapping[bytes, bytes], count: int, block_ms: int
    ) -> dict[bytes, list[tuple[bytes, list[bytes]]]]:
        """As `streams.client.read_streams`, until the bell is rung. Raises KeyTypeError, redis.RedisError."""
        try:
            reply = read_streams(self._client, {**positions, self._key: self._position}, count, block_ms)
        except KeyTypeError as error:
            if error.key != self._key:
                raise
            logger.error("workers do not wake each other: %s", error)
            threading.Event().wait(min(block_ms, 100) / 1_000)
            reply = read_streams(self._client, positions, count, 0) if positions else {}
        rings = reply.pop(self._key, [])
        self.rung = bool(rings)
        if rings:
            self._position = rings[-1][0]
        return reply

    def listen_anew(self) -> None:
        """Hear the last ring again, after anything that leaves a doubt about the stream."""
        self._position = b"0-0"


def ring_at_end(stop: threading.Event, connect: Callable[[], Client], keys: Keys) -> None:
    """Wake this process's own threads when `stop` is set; where that fails they notice within a second."""
    stop.wait()
    with contextlib.suppress(redis.RedisError):
        client = connect()
        Bell(client, keys).ring()
        client.close()
