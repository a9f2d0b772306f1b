"""The worker: holds partitions, folds what arrives in them, and sees to what is due."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import redis

from machines.catalog import Catalog
from machines.changes import Limits
from machines.run import Interpreters
from streams.archiving import Archive
from streams.batch import Folder
from streams.beginnings import NameTrace
from streams.bell import ring_at_end
from streams.client import BLOCK_MS, Client
from streams.errors import FencedError, MovingError, StreamsError
from streams.holdings import Holdings
from streams.keys import Keys
from streams.messenger import Messenger
from streams.owner import name_member
from streams.persistence import Persistence
from streams.pressure import Pressure, share_limit
from streams.reading import Reading
from streams.reindexing import Reindexing
from streams.residence import Residence
from streams.spacing import Spacing
from streams.statistics import Statistics
from streams.timing import Rhythm
from streams.upkeep import Upkeep

logger = logging.getLogger(__name__)

BALANCE_MS = 500
UPKEEP_MS = 500
FOLD_GAP_SECONDS, FULL = 0.002, 200  # between batches that have fewer entries
MESSAGES_MS = 5_000  # between two looks for messages that were left behind


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What a worker may be told; times in milliseconds. `cache` workflows are kept in memory, in `cache_bytes` at most.

    `outbox_limit` traces may wait for the endpoint, in all partitions together. `name_trace` says by which trace id a
    run is to be found; without it runs are found by none. `archive` is to have what retention deletes.
    """

    lease_ms: int = 10_000
    retention_ms: int = 7 * 86_400_000
    cache: int = 20_000
    cache_bytes: int = 100_000_000
    batch: int = 250
    outbox_limit: int = 500_000
    limits: Limits = field(default_factory=Limits)
    name_trace: NameTrace | None = None
    archive: Archive | None = None


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
        statistics: Statistics | None = None,
    ) -> None:
        self.statistics = statistics or Statistics(lambda: now_ms() / 1_000)
        self._connect = connect
        self._client = connect()
        self._keys = keys
        self._partitions = partitions
        self._options = options
        self._now_ms = now_ms
        self._name = name_member()
        self._rhythm = Rhythm(now_ms)
        self._in_doubt = False
        self._taken: set[int] = set()  # partitions that are still to be seen to as new ones
        interpreters = Interpreters(catalog)
        self._residence = Residence(self._client, keys, options.cache, options.cache_bytes)
        self._folder = Folder(
            self._client, keys, interpreters, options.limits, self._residence, self.statistics, options.name_trace
        )
        self._messenger = Messenger(self._client, keys, partitions)
        self._reindexing = Reindexing(self._client, keys, self._folder, self._residence)
        self._upkeep = Upkeep(
            self._client,
            keys,
            self._folder,
            self._residence,
            interpreters,
            options.limits,
            options.retention_ms,
            options.archive,
        )
        self.pressure = Pressure(self._client, keys, share_limit(options.outbox_limit, partitions))
        self.statistics.results = self._folder.results
        self._reading = Reading(self._client, keys, options.batch, now_ms)
        self._holdings = Holdings(
            self._client, keys, partitions, self._name, options.lease_ms, self._residence.forget, self._reading.tell
        )

    @property
    def results(self) -> dict[str, int]:
        """How many events were applied, rejected, late, duplicate, dead or held back, since the start."""
        return dict(self._folder.results)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; then finish the batch in hand and give the partitions up."""
        bell = threading.Thread(target=ring_at_end, args=(stop, self._connect, self._keys), name="bell")
        bell.start()
        patience = Persistence(logger, "the worker", self.statistics.worker)
        spacing = Spacing(self.statistics.clock, FOLD_GAP_SECONDS, FULL)
        while not stop.is_set():
            try:
                spacing.begin()
                count = self.step(BLOCK_MS)
                patience.succeeded()
                spacing.rest(count, stop)
            except Exception as error:
                if not isinstance(error, (redis.RedisError, StreamsError)):
                    logger.exception("a fault in the worker, which goes on")
                patience.failed(error, stop)
        try:
            self._holdings.release()
        except (redis.RedisError, StreamsError) as error:
            logger.warning("leases could not be given up and will run out: %s", error)
        bell.join()
        self._client.close()

    def step(self, block_ms: int) -> int:
        """Claim and renew what is due, then fold one batch, waiting at most `block_ms` for it; how many entries."""
        holdings = self._holdings
        if self._in_doubt:
            holdings.reread_all()
            self._rhythm.hasten()
        self._in_doubt = True  # until this step is through
        if self._rhythm.is_due("renew", self._options.lease_ms // 3):
            holdings.renew()
        if self._rhythm.is_due("balance", BALANCE_MS):
            self._balance()
        full = self.pressure.step(holdings.leases, self._now_ms())
        if self._rhythm.is_due("upkeep", UPKEEP_MS):
            for partition, error in self._upkeep.step(holdings.leases, self._now_ms(), full).items():
                self._recover(partition, error)
        if self._rhythm.is_due("messages", MESSAGES_MS):
            self._messenger.note(holdings.leases)
        self._send_messages()
        if self._upkeep.more:
            self._rhythm.hasten("upkeep")
            block_ms = 0
        self.statistics.note(holdings.leases, holdings.share, self._partitions, holdings.lost)
        batch = self._reading.read(holdings.leases, full, min(block_ms, UPKEEP_MS))
        if self._reading.woken:
            self._rhythm.hasten("balance")
        count = sum(len(entries) for entries in batch.values())
        if batch:
            began = self.statistics.clock()
            failed = self._folder.fold(batch, holdings.leases, self._now_ms())
            self.statistics.folded(count, began)
            for partition in batch.keys() - failed.keys():
                self._reading.went_well(partition)
            for partition, error in failed.items():
                self._recover(partition, error)
            self._send_messages()
        self._in_doubt = False
        return count

    def _send_messages(self) -> None:
        """Deliver what commits have left to be delivered."""
        self._messenger.note(self._folder.senders)
        self._folder.senders.clear()
        self._messenger.step()

    def _balance(self) -> None:
        taken = self._holdings.balance()
        for partition in taken:
            self._messenger.doubt(partition)
        self._taken |= set(taken)
        for partition in sorted(self._taken):
            lease = self._holdings.leases.get(partition)
            try:
                if lease is not None:
                    self._reindexing.see_to(partition, lease)
                    self._upkeep.release_parked(partition, lease, self._now_ms())
                self._taken.remove(partition)
            except (StreamsError, MovingError) as error:
                self._recover(partition, error)

    def _recover(self, partition: int, error: Exception) -> None:
        """After a commit that was refused: go on from what Redis says, or let the partition go."""
        if not isinstance(error, (StreamsError, MovingError)):
            raise error
        if not self._holdings.reread(partition):
            return
        if isinstance(error, FencedError):
            self._reading.resume(partition)
        elif isinstance(error, StreamsError):
            self._reading.rest(partition, error)
        else:
            self._reading.rest_shortly(partition)  # its slot is being moved, and the keys are on two nodes meanwhile
