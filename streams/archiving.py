"""The archive: what retention is about to delete is written somewhere else first, while events go on."""

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import redis

from machines.errors import NewerSnapshotError, SnapshotError
from machines.journal import Header, Record
from streams.client import Client
from streams.errors import StreamsError, describe
from streams.journals import OpenJournal, open_journals
from streams.keys import Keys, split_run_member
from streams.timing import is_ahead

logger = logging.getLogger(__name__)

MOST_RUNS = 5_000  # of one batch
MOST_BYTES = 64 * 2**20  # of their journals, after which a batch ends
LINGER_MS = 3_600_000  # that a small batch waits for more runs: an archive of tiny files is of no use
LOOK_MS = 5_000  # between two looks whether there is a batch, or tries where it could not be written
LEFT = -1  # in place of a number of entries: only a newer version of Longspan can read the journal
_PAGE = 100


class EndedRun(NamedTuple):
    """A run that leaves Redis: delivered at `delivered_ms`. Its records can be read once."""

    workflow_id: str
    delivered_ms: int
    header: Header
    records: Iterator[Record]


Keep = Callable[[int, Iterator[EndedRun]], None]  # makes runs of a partition durable, or raises OSError


class Kept(NamedTuple):
    """What is archived: a journal of so many entries, or LEFT, of the run that was delivered then."""

    entries: int
    delivered_ms: int


class Archive(Protocol):
    """What retention asks before it deletes. Neither call ever waits."""

    def kept(self, partition: int, until_ms: int) -> Mapping[bytes, Kept]:
        """The members of `ended` that are archived. Those that were delivered until `until_ms` and are missing here are
        seen to."""

    def forget(self, partition: int, members: Sequence[bytes]) -> None:
        """They are deleted, or have changed and are to be kept anew."""


class Archiving:
    """An archive that is written by a thread of its own, with a client of its own. `keep` writes a batch of runs.

    `linger_ms` stands in for LINGER_MS.
    """

    def __init__(
        self, connect: Callable[[], Client], keys: Keys, partitions: int, keep: Keep, linger_ms: int = LINGER_MS
    ) -> None:
        self._connect = connect
        self._keys = keys
        self._partitions = partitions
        self._keep = keep
        self._linger_ms = linger_ms
        self._kept: dict[int, dict[bytes, Kept]] = {}
        self._look_ms: dict[int, int] = {}
        self._asked: queue.SimpleQueue[tuple[int, int] | None] = queue.SimpleQueue()
        self._queued: set[int] = set()
        self._trouble = ""
        # Where a share hangs, nothing can end the write: the process does not wait for it for ever.
        self._thread = threading.Thread(target=self._run, name="archive", daemon=True)

    def start(self) -> None:
        """Begin to write when asked."""
        self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """End after the batch in hand, which is waited for at most that long."""
        self._asked.put(None)
        self._thread.join(seconds)

    def kept(self, partition: int, until_ms: int) -> Mapping[bytes, Kept]:
        """As `Archive` says."""
        every_ms = min(LOOK_MS, self._linger_ms)
        if partition not in self._queued and not is_ahead(self._look_ms.get(partition, 0), until_ms, every_ms):
            self._look_ms[partition] = until_ms + every_ms
            self._queued.add(partition)
            self._asked.put((partition, until_ms))
        return self._kept.get(partition, {})

    def forget(self, partition: int, members: Sequence[bytes]) -> None:
        """As `Archive` says."""
        kept = self._kept.get(partition, {})
        gone = set(members)
        self._kept[partition] = {member: what for member, what in kept.items() if member not in gone}
        self._look_ms.pop(partition, None)

    def _run(self) -> None:
        with self._connect() as client:
            while (asked := self._asked.get()) is not None:
                partition, until_ms = asked
                try:
                    self.write_batch(client, partition, until_ms)
                except (OSError, redis.RedisError, StreamsError) as error:
                    self._tell(describe(error) if isinstance(error, (redis.RedisError, StreamsError)) else str(error))
                except Exception:  # a fault of ours may delay what leaves Redis, and nothing else
                    logger.exception("the archive of partition %d failed", partition, extra={"partition": partition})
                finally:
                    self._queued.discard(partition)

    def write_batch(self, client: Client, partition: int, until_ms: int) -> None:
        """Write the next batch of a partition, if there is one. Raises OSError, redis.RedisError."""
        due = self._list(client, partition, until_ms)
        before = self._kept.get(partition, {})
        known = {member: before[member] for member, _ in due if member in before}
        fresh = [(member, ms) for member, ms in due if member not in known]
        if fresh and (len(due) >= MOST_RUNS or until_ms - fresh[0][1] >= self._linger_ms):
            written: dict[bytes, Kept] = {}
            runs = self._read(client, partition, fresh, written)
            first = next(runs, None)
            if first is not None:
                self._keep(partition, _chain(first, runs))
            known |= written
            if self._trouble:
                self._trouble = ""
                logger.info("The archive is written again.")
        self._kept[partition] = known

    def _list(self, client: Client, partition: int, until_ms: int) -> list[tuple[bytes, int]]:
        """What is due, oldest first: all of one instant or none, so that the instants of batches never overlap."""
        key = self._keys.of(partition).ended
        flat = client.call("ZRANGEBYSCORE", key, "-inf", until_ms, "WITHSCORES", "LIMIT", 0, MOST_RUNS)
        due = [(member, int(float(score))) for member, score in zip(flat[::2], flat[1::2], strict=True)]
        if len(due) < MOST_RUNS:
            return due
        last_ms = due[-1][1]
        same = client.call("ZRANGEBYSCORE", key, last_ms, last_ms)
        return [pair for pair in due if pair[1] != last_ms] + [(member, last_ms) for member in same]

    def _read(
        self, client: Client, partition: int, due: Sequence[tuple[bytes, int]], written: dict[bytes, Kept]
    ) -> Iterator[EndedRun]:
        """The journals; `written` says of each that was read how many entries it has."""
        size = last_ms = 0
        for start in range(0, len(due), _PAGE):
            page = due[start : start + _PAGE]
            names = [split_run_member(member) for member, _ in page]
            places = [self._keys.of(partition).journal(*name) for name in names]
            lengths = client.call_all((("LLEN", place) for place in places), raise_on_error=False)
            sound = [number for number, length in enumerate(lengths) if isinstance(length, int)]
            opened = open_journals(client, self._keys, self._partitions, [names[number] for number in sound])
            for number, journal in zip(sound, opened, strict=True):
                (member, ms), (workflow_id, run) = page[number], names[number]
                if size > MOST_BYTES and ms != last_ms:
                    return
                last_ms = ms
                if isinstance(journal, OpenJournal):
                    yield EndedRun(workflow_id, ms, journal.header, _readable(journal, workflow_id, run))
                    written[member] = Kept(journal.bookmark.entries, ms)
                    size += journal.size
                else:
                    newer = isinstance(journal, NewerSnapshotError)
                    written[member] = Kept(LEFT if newer else lengths[number], ms)
                    if isinstance(journal, SnapshotError) and not newer:
                        _tell_unreadable(workflow_id, run, journal)

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            logger.error(
                "The archive cannot be written: %s. What retention would delete stays in Redis until it can.", trouble
            )


def _chain(first: EndedRun, others: Iterator[EndedRun]) -> Iterator[EndedRun]:
    yield first
    yield from others


def _readable(journal: OpenJournal, workflow_id: str, run: int) -> Iterator[Record]:
    """The records up to one that cannot be read: nobody will ever be able to."""
    try:
        yield from journal.records
    except SnapshotError as error:
        _tell_unreadable(workflow_id, run, error)


def _tell_unreadable(workflow_id: str, run: int, error: SnapshotError) -> None:
    about = {"workflow_id": workflow_id, "run": run}
    logger.error("run %d of workflow %s is archived as far as it can be read: %s", run, workflow_id, error, extra=about)
