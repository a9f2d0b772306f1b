"""What waits to be sent: answers' events and troubles, handed to Redis in batches, in the order in which they came."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import redis

from longspan.polling.sink import AT_ONCE, Delivery, Parcel, Sink
from longspan.polling.statistics import PollStatistics
from longspan.polling.telling import Telling
from streams.errors import StreamsError, describe, trouble

MOST_WAITING = 5_000  # events: beyond, nobody is asked for more until some are sent
LINGER_SECONDS = 0.02
RETRY_SECONDS = 1.0
IDLE_SECONDS = 0.2  # until troubles that came without events are written

Aside = Callable[[Callable[[], Any]], Awaitable[Any]]  # runs what may wait for Redis in a thread

logger = logging.getLogger("longspan.poll")


class Outgoing:
    """Sends parcels; `settle` is called with what became of each batch, `fail` after each fault of the server."""

    def __init__(
        self,
        sink: Sink,
        telling: Telling,
        statistics: PollStatistics,
        now_ms: Callable[[], int],
        settle: Callable[[Delivery], None],
        fail: Callable[[], None],
    ) -> None:
        self._sink = sink
        self._telling = telling
        self._statistics = statistics
        self._now_ms = now_ms
        self._settle = settle
        self._fail = fail
        self._parcels: deque[Parcel] = deque()
        self._events = 0
        self._trouble = ""
        self._wake = asyncio.Event()
        self.held: Mapping[int, bytes] = {}

    @property
    def is_full(self) -> bool:
        """Whether so much waits that nobody is to be asked for more."""
        return self._events >= MOST_WAITING

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._parcels and not self._telling.unwritten

    def put(self, parcel: Parcel) -> None:
        """Let a parcel be sent soon."""
        self._parcels.append(parcel)
        self._events += len(parcel.drafts)
        self._wake.set()

    async def run(self, aside: Aside) -> None:
        """Send until cancelled; `aside` runs what may wait for Redis in a thread, one after the other."""
        while True:
            if self.is_empty:
                self._wake.clear()
                try:
                    await asyncio.wait_for(self._wake.wait(), IDLE_SECONDS)
                except TimeoutError:
                    self._statistics.sink.succeeded()  # there was nothing to do
                    continue
            await asyncio.sleep(LINGER_SECONDS)
            if not await self.flush(aside):
                await asyncio.sleep(RETRY_SECONDS)

    async def flush(self, aside: Aside) -> bool:
        """Send one batch; False where the server failed: then it is tried again."""
        batch = self._next_batch()
        unwritten, self._telling.unwritten = self._telling.unwritten, {}
        held = self.held
        # Of other partitions somebody else tells by now: what is kept of them is his.
        told = {place: trouble for place, trouble in unwritten.items() if place[0] in held}
        try:
            delivery = await aside(lambda: self._sink.send(batch, held, self._now_ms())) if batch else None
            await aside(lambda: self._sink.write(told))
        except (redis.RedisError, StreamsError) as error:
            self._telling.unwritten = told | self._telling.unwritten
            self._statistics.sink.failed(error)
            if self._trouble != trouble(error):
                self._trouble = trouble(error)
                logger.warning("what was polled cannot be sent, trying again: %s", describe(error))
            self._fail()
            return False
        if self._trouble:
            self._trouble = ""
            logger.info("what was polled is sent again")
        self._statistics.sink.succeeded()
        for _ in batch:
            self._events -= len(self._parcels.popleft().drafts)
        if delivery is not None:
            self._statistics.events["sent"] += delivery.sent
            self._statistics.events["known"] += delivery.known
            self._settle(delivery)
        return True

    def _next_batch(self) -> list[Parcel]:
        batch: list[Parcel] = []
        size = 0
        for parcel in self._parcels:
            if batch and size + len(parcel.drafts) > AT_ONCE:
                break
            batch.append(parcel)
            size += len(parcel.drafts)
        return batch
