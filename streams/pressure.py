"""Back-pressure: how many traces wait for the endpoint, and which partitions are left alone until fewer do."""

import logging
from collections.abc import Collection, Mapping
from typing import NamedTuple

from streams.client import Client
from streams.commit import UNDELIVERED
from streams.errors import is_wrong_type
from streams.keys import Keys
from streams.server_check import parse_info
from streams.timing import is_ahead

logger = logging.getLogger(__name__)

MEASURE_MS = 500
PARTITION_MS = 2  # and as much longer for each partition: 1,024 of them take 12 ms to measure
MEMORY_MS = 1_000
FREE_AGAIN = 0.9  # of the limit: a partition that is full stays so until fewer wait


class Memory(NamedTuple):
    """What the server holds, in bytes; `limit` is its maxmemory, 0 for none."""

    used: int
    limit: int

    @property
    def fullness(self) -> float:
        """Used memory by the limit; 0 where there is none."""
        return self.used / self.limit if self.limit else 0.0


class Pressure:
    """Watches the partitions that a worker holds. `limit` is how many traces may wait in each of them, at least 1.

    Attributes, replaced as a whole, so that other threads may read them: `waiting`, how many traces wait by partition;
    `full`, the partitions that are at the limit; `memory` of the server, None until it has been asked.
    """

    def __init__(self, client: Client, keys: Keys, limit: int) -> None:
        self.limit = limit
        self.waiting: Mapping[int, int] = {}
        self.full: frozenset[int] = frozenset()
        self.memory: Memory | None = None
        self._client = client
        self._keys = keys
        self._measure_ms = 0
        self._memory_ms = 0
        self._began_ms: int | None = None

    def step(self, partitions: Collection[int], now_ms: int) -> frozenset[int]:
        """The full ones of these partitions: what is due in them would only make more traces wait.

        Measured when a new partition is among them, else every half second, or two where there are very many.
        Raises redis.RedisError.
        """
        every_ms = max(MEASURE_MS, PARTITION_MS * len(partitions))
        known = self.waiting.keys()
        if not (is_ahead(self._measure_ms, now_ms, every_ms) and all(number in known for number in partitions)):
            self._measure_ms = now_ms + every_ms
            waiting = self.measure(partitions)
            self.full = frozenset(number for number, count in waiting.items() if self._is_full(number, count))
            self.waiting = waiting
            self._tell(now_ms)
        if not is_ahead(self._memory_ms, now_ms, MEMORY_MS):
            self._memory_ms = now_ms + MEMORY_MS
            self.memory = read_memory(self._client)
        return self.full.intersection(partitions)

    def measure(self, partitions: Collection[int]) -> dict[int, int]:
        """How many traces of each partition wait for the endpoint, in one round trip. Raises redis.RedisError.

        An ended run waits until its trace was accepted; what else is in the outbox are parts of runs that go on.
        """
        commands: list[tuple[bytes | str | int, ...]] = []
        for owned in map(self._keys.of, partitions):
            commands += (("ZCOUNT", owned.ended, UNDELIVERED, "+inf"), ("XLEN", owned.outbox))
        counts = [_count(reply) for reply in self._client.call_all(commands, raise_on_error=False)]
        return dict(zip(partitions, map(max, counts[::2], counts[1::2]), strict=True))

    def _is_full(self, partition: int, waiting: int) -> bool:
        return waiting >= (self.limit * FREE_AGAIN if partition in self.full else self.limit)

    def _tell(self, now_ms: int) -> None:
        if self.full and self._began_ms is None:
            self._began_ms = now_ms
            logger.warning(
                "%d traces wait for the endpoint in partitions %s, at most %d may in each: their events stay in Redis"
                " until the endpoint has taken some; see longspan doctor, or raise LONGSPAN_OUTBOX_LIMIT",
                sum(self.waiting[number] for number in self.full),
                ", ".join(map(str, sorted(self.full))),
                self.limit,
            )
        elif not self.full and self._began_ms is not None:
            lasted_seconds = max(0, now_ms - self._began_ms) / 1_000
            self._began_ms = None
            waiting = sum(self.waiting.values())
            logger.info("all partitions are read again after %.0f s; %d traces wait", lasted_seconds, waiting)


def share_limit(limit: int, partitions: int) -> int:
    """How many traces may wait in one partition where `limit` may in all together: at least 1."""
    return max(1, -(-limit // partitions))


def read_memory(client: Client) -> Memory:
    """The memory of the server; in a cluster that of the fullest node. Raises redis.RedisError."""
    nodes = [parse_info(reply) for reply in client.call_primaries("INFO", "memory").values()]
    return max(
        (Memory(int(node.get("used_memory", 0)), int(node.get("maxmemory", 0))) for node in nodes),
        key=lambda memory: (memory.fullness, memory.used),
    )


def _count(reply: object) -> int:
    if is_wrong_type(reply):
        return 0  # the commit says what the key holds
    if isinstance(reply, Exception):
        raise reply
    assert isinstance(reply, int)
    return reply
