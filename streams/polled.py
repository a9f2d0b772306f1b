"""Which workflows are to be polled: those that run and are of the machines asked for, followed as they change."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from machines import recollection
from machines.errors import SnapshotError
from machines.events import Event
from machines.snapshot import Snapshot, decode_snapshot
from streams.client import Client, read_streams
from streams.errors import KeyTypeError, or_else
from streams.feed import read_behind, read_positions
from streams.keys import Keys, partition_of
from streams.resting import Resting
from streams.status import WorkflowView, read_views
from streams.timing import is_ahead

RECOUNT_MS = 60_000  # until a partition is listed anew, whatever was told of its changes
PAGE = 1_000  # ids that are read at once

logger = logging.getLogger(__name__)


class Sighting(NamedTuple):
    """What a look found: `whole` holds all running workflows of a partition, `changed` single ones that run,
    `gone` (partition, id) of those that do not. In `doubted` partitions the server may have lost what it was told."""

    whole: dict[int, list[WorkflowView]]
    changed: list[WorkflowView]
    gone: list[tuple[int, str]]
    doubted: list[int]


class Lookout:
    """Looks at the running workflows of some machines, in the partitions that it is told to look at."""

    def __init__(self, client: Client, keys: Keys, machines: Sequence[str], now_ms: Callable[[], int]) -> None:
        self._client = client
        self._keys = keys
        self._indexes = [f"listed:running:{machine}".encode() for machine in machines]
        self._now_ms = now_ms
        self._positions: dict[int, bytes] = {}
        self._listed_ms: dict[int, int] = {}
        self._resting = Resting(logger, "changes of workflows in partition %d are not seen: %s", now_ms)

    def look(self, partitions: Collection[int], block_ms: int) -> Sighting:
        """What is new since the last look, waiting at most `block_ms` for something. Raises redis.RedisError."""
        for partition in self._positions.keys() - set(partitions):
            del self._positions[partition]
        added = [partition for partition in partitions if partition not in self._positions]
        if added:
            return Sighting(self._list(added), [], [], [])
        late = [partition for partition in partitions if self._is_late(partition)]
        if late:
            return Sighting(self._list(late[:1]), [], [], [])  # one at a time: together they would hold up the others
        return self._follow(block_ms)

    def forget(self) -> None:
        """List everything anew, after a fault."""
        self._positions.clear()

    def _is_late(self, partition: int) -> bool:
        return not is_ahead(self._listed_ms[partition] + RECOUNT_MS, self._now_ms(), RECOUNT_MS)

    def _list(self, partitions: Sequence[int]) -> dict[int, list[WorkflowView]]:
        """All running workflows of partitions. What changes meanwhile lies behind the positions, and comes later."""
        positions = dict(zip(partitions, read_positions(self._client, self._keys, partitions), strict=True))
        found = {partition: list(self._list_one(partition)) for partition in partitions}
        self._positions |= positions
        self._listed_ms |= dict.fromkeys(partitions, self._now_ms())
        return found

    def _list_one(self, partition: int) -> Iterator[WorkflowView]:
        for name in self._indexes:
            index, start = self._keys.of(partition).index(name), 0
            while True:
                (reply,) = self._client.call_all([("ZRANGE", index, start, start + PAGE - 1)], raise_on_error=False)
                members = or_else(reply, [])
                yield from self._read((partition, member.decode(errors="replace")) for member in members)[0]
                start += PAGE
                if len(members) < PAGE:
                    break

    def _read(self, places: Iterable[tuple[int, str]]) -> tuple[list[WorkflowView], list[tuple[int, str]]]:
        wanted = list(dict.fromkeys(places))
        views = read_views(self._client, self._keys, wanted)
        running = [view for view in views if view is not None and view.snapshot.status == "running"]
        there = {(view.partition, view.id) for view in running}
        return running, [place for place in wanted if place not in there]

    def _follow(self, block_ms: int) -> Sighting:
        followed = {
            self._keys.of(partition).changes: partition
            for partition in self._positions
            if partition not in self._resting
        }
        if not followed:
            return Sighting({}, [], [], [])
        try:
            moved = read_streams(self._client, {key: self._positions[at] for key, at in followed.items()}, 1, block_ms)
        except KeyTypeError as error:
            self._resting.rest(followed[error.key], error)
            return Sighting({}, [], [], [])
        partitions = [followed[key] for key in moved]
        if not partitions:
            return Sighting({}, [], [], [])
        wanted = [(partition, self._positions[partition]) for partition in partitions]
        told = read_behind(self._client, self._keys, wanted)
        places: list[tuple[int, str]] = []
        missed = []
        for partition, behind in zip(partitions, told, strict=True):
            self._positions[partition] = behind.position
            places += ((partition, workflow_id) for workflow_id in behind.changed)
            if not behind.whole:
                missed.append(partition)
                del self._positions[partition]
        listed = self._listed(places)
        running, gone = self._read(place for place in places if place in listed)
        gone += [place for place in places if place not in listed]
        return Sighting({}, running, gone, missed)

    def _listed(self, places: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
        """Those that run and are of the machines: asked of the indexes, so that others' snapshots are not read."""
        by_partition: dict[int, list[str]] = {}
        for partition, workflow_id in places:
            by_partition.setdefault(partition, []).append(workflow_id)
        asked = [(partition, ids, name) for partition, ids in by_partition.items() for name in self._indexes]
        replies = self._client.call_all(
            (("ZMSCORE", self._keys.of(partition).index(name), *ids) for partition, ids, name in asked),
            raise_on_error=False,
        )
        return {
            (partition, workflow_id)
            for (partition, ids, _), reply in zip(asked, replies, strict=True)
            for workflow_id, rank in zip(ids, or_else(reply, [None] * len(ids)), strict=True)
            if rank is not None
        }


def find_unknown(client: Client, keys: Keys, partitions: int, events: Sequence[Event]) -> list[bool]:
    """For each event whether its workflow's journal does not have it yet. Raises redis.RedisError."""
    subjects = list(dict.fromkeys(event.subject for event in events))
    owned = {subject: keys.of(partition_of(subject, partitions)) for subject in subjects}
    replies = client.call_all((("GET", owned[subject].workflow(subject)) for subject in subjects), raise_on_error=False)
    snapshots = {subject: _decode(reply) for subject, reply in zip(subjects, replies, strict=True)}
    paged = [subject for subject, snapshot in snapshots.items() if snapshot.pages]
    pages = client.call_all((("LRANGE", owned[one].seen(one), 0, -1) for one in paged), raise_on_error=False)
    older = {subject: or_else(reply, []) for subject, reply in zip(paged, pages, strict=True)}
    return [
        not recollection.contains(
            snapshots[event.subject].seen, older.get(event.subject, ()), recollection.digest(event)
        )
        for event in events
    ]


def _decode(reply: object) -> Snapshot:
    """A snapshot; where there is none, or none that can be read, one that has seen nothing."""
    try:
        return decode_snapshot(reply) if isinstance(reply, bytes) else Snapshot()
    except SnapshotError:
        return Snapshot()
