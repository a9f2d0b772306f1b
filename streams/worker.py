"""The worker: holds partitions, folds what arrives in them, and sees to what is due."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import redis

from machines.catalog import Catalog
from machines.changes import Limits
from machines.run import Interpreters
from streams import lease as leases
from streams.batch import Entry, Folder
from streams.client import BLOCK_MS, Client, read_streams
from streams.errors import FencedError, KeyTypeError, StreamsError
from streams.ingress import Router
from streams.keys import Keys, PartitionKeys
from streams.lease import Lease
from streams.owner import identify
from streams.pace import Pace
from streams.persistence import Persistence
from streams.residence import Residence
from streams.upkeep import Upkeep

logger = logging.getLogger(__name__)

UPKEEP_MS = 1_000
CLAIM_MS = 1_000
REST_MS = 5_000  # for a partition where a key holds another type, while the others go on
FORGET_MS = 4 * REST_MS


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What a worker may be told; times in milliseconds. `cache` is the number of workflows kept in memory."""

    lease_ms: int = 10_000
    retention_ms: int = 7 * 86_400_000
    cache: int = 20_000
    batch: int = 250
    limits: Limits = field(default_factory=Limits)


class Worker:
    """Folds the events of the partitions that it holds. `connect` makes a client; `now_ms` tells the time."""

    def __init__(
        self,
        connect: Callable[[], Client],
        keys: Keys,
        partitions: int,
        catalog: Catalog,
        options: WorkerOptions,
        now_ms: Callable[[], int],
    ) -> None:
        self._connect = connect
        self._client = connect()
        self._keys = keys
        self._partitions = partitions
        self._options = options
        self._now_ms = now_ms
        self._owner = identify()
        self._pace = Pace(options.batch)
        self._leases: dict[int, Lease] = {}
        self._due: dict[str, int] = {}
        self._resting: dict[int, int] = {}  # partitions that are not read until then
        self._told: dict[int, tuple[str, int]] = {}  # what is wrong with a partition, and when that was last so
        self._in_doubt = False
        interpreters = Interpreters(catalog)
        self._residence = Residence(self._client, keys, options.cache)
        self._folder = Folder(self._client, keys, interpreters, options.limits, self._residence)
        self._upkeep = Upkeep(
            self._client, keys, self._folder, self._residence, interpreters, options.limits, options.retention_ms
        )

    @property
    def results(self) -> dict[str, int]:
        """How many events were applied, rejected, late, duplicate, dead or held back, since the start."""
        return dict(self._folder.results)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; then finish the batch in hand and give the partitions up."""
        router = threading.Thread(target=self._route, args=(stop,), name="router")
        router.start()
        patience = Persistence(logger, "the worker")
        while not stop.is_set():
            try:
                self.step(BLOCK_MS)
                patience.succeeded()
            except Exception as error:
                if not isinstance(error, (redis.RedisError, StreamsError)):
                    logger.exception("a fault in the worker, which goes on")
                patience.failed(error, stop)
        router.join()
        try:
            leases.renew(self._client, self._by_keys(), 0)
        except redis.RedisError as error:
            logger.warning("leases could not be given up and will run out: %s", error)
        self._client.close()

    def step(self, block_ms: int) -> int:
        """Claim and renew what is due, then fold one batch, waiting at most `block_ms` for it; how many entries."""
        now_ms = self._now_ms()
        if self._in_doubt:
            self._reread_all()
        self._in_doubt = True  # until this step is through
        if len(self._leases) < self._partitions and self._is_due("claim", now_ms, CLAIM_MS):
            self._claim(now_ms)
        if self._is_due("renew", now_ms, self._options.lease_ms // 3):
            for lost in leases.renew(self._client, self._by_keys(), self._options.lease_ms):
                self._lose(lost)
        if self._is_due("upkeep", now_ms, UPKEEP_MS):
            for partition, error in self._upkeep.step(self._leases, now_ms).items():
                self._recover(partition, error)
        batch = self._read(block_ms, now_ms)
        if batch:
            for partition, error in self._folder.fold(batch, self._leases, self._now_ms()).items():
                self._resting[partition] = now_ms + REST_MS
                self._recover(partition, error)
        self._in_doubt = False
        return sum(len(entries) for entries in batch.values())

    def _is_due(self, what: str, now_ms: int, every_ms: int) -> bool:
        if _is_ahead(self._due.get(what, 0), now_ms, every_ms):
            return False
        self._due[what] = now_ms + every_ms
        return True

    def _read(self, block_ms: int, now_ms: int) -> dict[int, list[Entry]]:
        by_key = {
            self._keys.of(partition).events: partition
            for partition in self._leases
            if not _is_ahead(self._resting.get(partition, 0), now_ms, REST_MS)
        }
        if not by_key:
            threading.Event().wait(block_ms / 1_000)
            return {}
        cursors = {key: self._leases[partition].cursor for key, partition in by_key.items()}
        try:
            reply = read_streams(self._client, cursors, self._pace.count, block_ms)
        except KeyTypeError as error:
            self._resting[by_key[error.key]] = now_ms + REST_MS
            self._tell(by_key[error.key], error)
            return {}
        batch: dict[int, list[Entry]] = {by_key[key]: list(entries) for key, entries in reply.items()}
        for entries in batch.values():
            self._pace.note(sum(len(part) for _, fields in entries for part in fields), len(entries))
        return batch

    def _claim(self, now_ms: int) -> None:
        for partition in range(self._partitions):
            if partition in self._leases:
                continue
            try:
                lease = leases.claim(self._client, self._keys.of(partition), self._owner, self._options.lease_ms)
            except KeyTypeError as error:
                self._tell(partition, error)
                continue
            if lease is not None:
                self._residence.forget(partition)
                self._leases[partition] = lease
                failure = self._upkeep.release_parked(partition, lease, now_ms)
                if failure is not None:
                    self._recover(partition, failure)

    def _recover(self, partition: int, error: Exception) -> None:
        """After a commit that was refused: go on from what Redis says, or let the partition go."""
        lease = leases.reread(self._client, self._keys.of(partition), self._leases[partition])
        if lease is None:
            logger.warning("partition %d belongs to another worker now", partition)
            del self._leases[partition]
            return
        self._leases[partition] = lease
        if isinstance(error, FencedError):
            self._resting.pop(partition, None)
        elif isinstance(error, KeyTypeError):
            self._tell(partition, error)
        else:
            raise error

    def _tell(self, partition: int, error: KeyTypeError) -> None:
        """One line when it begins: it is tried again and again, and the other partitions go on."""
        now_ms = self._now_ms()
        told, last_ms = self._told.get(partition, ("", 0))
        if told != str(error) or not last_ms <= now_ms < last_ms + FORGET_MS:
            logger.error("partition %d waits: %s", partition, error)
        self._told[partition] = str(error), now_ms

    def _lose(self, keys: PartitionKeys) -> None:
        for partition in [number for number in self._leases if self._keys.of(number) is keys]:
            logger.warning("the lease of partition %d ran out and another worker took it", partition)
            self._residence.forget(partition)
            del self._leases[partition]

    def _reread_all(self) -> None:
        """After a fault nobody knows what was committed: read leases and workflows again."""
        for partition, lease in list(self._leases.items()):
            self._residence.forget(partition)
            known = leases.reread(self._client, self._keys.of(partition), lease)
            if known is None:
                del self._leases[partition]
            else:
                self._leases[partition] = known
        self._due.clear()
        self._in_doubt = False

    def _by_keys(self) -> dict[PartitionKeys, Lease]:
        return {self._keys.of(partition): lease for partition, lease in self._leases.items()}

    def _route(self, stop: threading.Event) -> None:
        client = self._connect()
        router = Router(client, self._keys, self._partitions)
        patience = Persistence(logger, "the router")
        while not stop.is_set():
            try:
                router.step()
                patience.succeeded()
            except Exception as error:
                if not isinstance(error, (redis.RedisError, StreamsError)):
                    logger.exception("a fault in the router, which goes on")
                router.restart()
                patience.failed(error, stop)
        client.close()


def _is_ahead(due_ms: int, now_ms: int, every_ms: int) -> bool:
    """Whether it is too early still; a clock that was put back does not make it late for ever."""
    return due_ms - every_ms <= now_ms < due_ms
