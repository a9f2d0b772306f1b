"""A producer that always knows what it sent: it chooses the ids of its entries, and may send them again."""

import threading
import time
from collections.abc import Sequence
from typing import Any

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from tests.journey.traffic import Fields
from tests.oracle.fold import Entry, Fold
from tests.support.servers import Server

CHUNK = 40
BURST = 10  # chunks


class Feeder(threading.Thread):
    """Sends the traffic in small chunks, spread over `seconds`, and tells the fold what stands in the stream, where.

    A chunk whose answer was lost is sent again under the same ids: the server refuses those that it has.
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
        self._last_ms = 0
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
            entries = self._place(chunk)
            while not self._stopping.is_set() and not self._send(entries):
                self._stopping.wait(0.05)
            urgent -= 1
            pause_seconds = max(end - time.monotonic(), 0.0) / (len(self._chunks) - number)
            if urgent <= 0 and self._hurry.wait(pause_seconds):
                self._hurry.clear()
                urgent = BURST

    def _place(self, chunk: Sequence[Fields]) -> list[Entry]:
        """Entries with ids of now, behind all others."""
        self._last_ms = max(time.time_ns() // 1_000_000, self._last_ms + 1)
        return [Entry(f"{self._last_ms}-{number}", fields) for number, fields in enumerate(chunk)]

    def _send(self, entries: Sequence[Entry]) -> bool:
        try:
            with self._server.client() as client:
                append(client, self._name, entries)
        except RedisError:
            return False
        self._fold.feed(entries)
        self.sent += len(entries)
        return True


def append(client: "Redis", name: str, entries: Sequence[Entry]) -> None:
    """Append entries under their own ids; those that stand there already are passed over. Raises RedisError.

    At once: were an entry refused and a later one taken, as when a replica becomes the primary, the former could not
    be sent again behind it.
    """
    pipeline: Any = client.pipeline(transaction=True)
    for entry in entries:
        pipeline.execute_command(
            "XADD", name, entry.position, *(part for pair in entry.fields.items() for part in pair)
        )
    for reply in pipeline.execute(raise_on_error=False):
        if isinstance(reply, ResponseError) and "equal or smaller" not in str(reply):
            raise reply
        if isinstance(reply, RedisError) and not isinstance(reply, ResponseError):
            raise reply
