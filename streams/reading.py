"""Reading: the next entries of the partitions that a worker holds, and which partitions are left alone for a while."""

import logging
from collections.abc import Callable, Collection, Mapping

from streams.bell import Bell
from streams.client import Client
from streams.errors import KeyTypeError, StreamsError
from streams.keys import Keys
from streams.lease import Lease
from streams.orders import Entry
from streams.pace import Pace
from streams.resting import Resting

logger = logging.getLogger(__name__)


class Reading:
    """Reads batches."""

    def __init__(self, client: Client, keys: Keys, most: int, now_ms: Callable[[], int]) -> None:
        self.pace = Pace(most)
        self._client = client
        self._keys = keys
        self._bell = Bell(client, keys)
        self._resting = Resting(logger, "partition %d waits: %s", now_ms)

    def read(self, leases: Mapping[int, Lease], passed_over: Collection[int], block_ms: int) -> dict[int, list[Entry]]:
        """The entries behind the cursors, waiting at most `block_ms` for some or for the bell.

        Nothing is read of partitions that rest or are `passed_over`. Raises redis.RedisError.
        """
        by_key = {
            self._keys.of(partition).events: partition
            for partition in leases
            if partition not in passed_over and partition not in self._resting
        }
        positions = {key: leases[partition].cursor for key, partition in by_key.items()}
        try:
            reply = self._bell.read(positions, self.pace.count, block_ms)
        except KeyTypeError as error:
            self.rest(by_key[error.key], error)
            return {}
        batch: dict[int, list[Entry]] = {by_key[key]: list(entries) for key, entries in reply.items()}
        if batch:
            largest = max(
                sum(len(part) for _, fields in entries for part in fields) // len(entries) for entries in batch.values()
            )
            self.pace.note(largest * len(positions), 1)  # next time every stream may have as many, and as large ones
        return batch

    @property
    def woken(self) -> bool:
        """Whether the bell was rung during the last read: partitions may have become free."""
        return self._bell.rung

    def rest(self, partition: int, error: StreamsError) -> None:
        """Leave a partition alone for a while, and say why."""
        self._resting.rest(partition, error)

    def rest_shortly(self, partition: int) -> None:
        """Leave a partition alone for a moment: what keeps it passes by itself."""
        self._resting.rest_shortly(partition)

    def resume(self, partition: int) -> None:
        """Read a partition again at once."""
        self._resting.resume(partition)

    def went_well(self, partition: int) -> None:
        """Say that a partition goes on, where something was wrong with it."""
        if self._resting.went_well(partition):
            logger.info("partition %d goes on", partition, extra={"partition": partition})

    def tell(self, partition: int, error: StreamsError) -> None:
        """Say what is wrong with a partition, once."""
        self._resting.tell(partition, error)
