"""A producer that always knows what it sent, and where it stands: it may send again what it got no answer to."""

import threading
import time
from collections.abc import Sequence
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from tests.journey.traffic import Fields
from tests.oracle.fold import Entry, Fold
from tests.support.servers import Server

_APPEND = """
local known = redis.call('HGET', KEYS[2], ARGV[1])
if known then
  return cjson.decode(known)
end
local positions, place = {}, 2
while place <= #ARGV do
  local last = place + tonumber(ARGV[place])
  positions[#positions + 1] = redis.call('XADD', KEYS[1], '*', unpack(ARGV, place + 1, last))
  place = last + 1
end
redis.call('HSET', KEYS[2], ARGV[1], cjson.encode(positions))
return positions
"""
CHUNK = 40
BURST = 10  # chunks


class Feeder(threading.Thread):
    """Sends the traffic in small chunks, spread over `seconds`, and tells the fold what stands in the stream, where.

    A chunk whose answer was lost is sent again; the server remembers which it has.
    """

    def __init__(self, server: Server, prefix: str, traffic: Sequence[Fields], fold: Fold, seconds: float) -> None:
        super().__init__(name="feeder")
        self._stopping = threading.Event()
        self.sent = 0
        self._server = server
        self._name = f"{prefix}:events"
        self._chunks = [traffic[begin : begin + CHUNK] for begin in range(0, len(traffic), CHUNK)]
        self._fold = fold
        self._seconds = seconds
        self._hurry = threading.Event()

    def stop(self) -> None:
        """Send no more, and wait until it has ended."""
        self._stopping.set()
        self._hurry.set()
        if self.ident is not None:
            self.join()

    def hurry(self) -> None:
        """Send a burst now."""
        self._hurry.set()

    def run(self) -> None:
        end = time.monotonic() + self._seconds
        urgent = 0
        for number, chunk in enumerate(self._chunks):
            if self._stopping.is_set():
                return
            while not self._stopping.is_set() and not self._send(number, chunk):
                self._stopping.wait(0.05)
            urgent -= 1
            pause_seconds = max(end - time.monotonic(), 0.0) / (len(self._chunks) - number)
            if urgent <= 0 and self._hurry.wait(pause_seconds):
                self._hurry.clear()
                urgent = BURST

    def _send(self, number: int, chunk: Sequence[Fields]) -> bool:
        try:
            with self._server.client() as client:
                positions = append(client, self._name, number, chunk)
        except RedisError:
            return False
        self._fold.feed(Entry(position, fields) for position, fields in zip(positions, chunk, strict=True))
        self.sent += len(chunk)
        return True


def append(client: "Redis", name: str, number: int, chunk: Sequence[Fields]) -> list[str]:
    """Append a chunk at once, unless it was already; the ids of its entries. Raises RedisError.

    The server gives the ids, as it does to any producer: one of a moment that has passed could come behind a deadline.
    """
    arguments: list[str | int] = [number]
    for fields in chunk:
        parts = [part for pair in fields.items() for part in pair]
        arguments += [len(parts), *parts]
    positions: Any = client.eval(_APPEND, 2, name, f"{name}:fed", *arguments)
    return [position.decode() for position in positions]
