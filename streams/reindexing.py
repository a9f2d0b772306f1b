"""Making the indexes of a partition anew, where a version of Longspan wrote to it that did not keep them."""

import logging
from collections.abc import Iterator, Sequence
from typing import TypeVar

from machines.errors import SnapshotError
from streams.batch import Folder
from streams.beginnings import name_traces
from streams.client import Client
from streams.commit import Commit
from streams.counts import find_running
from streams.indexed import PART_AGE_MS
from streams.indexes import list_as
from streams.keys import Keys, PartitionKeys, split_run_member
from streams.lease import Lease
from streams.listed import BATCH
from streams.residence import Residence

logger = logging.getLogger(__name__)

BUCKETS = 16**3  # of `PartitionKeys.traces`

Item = TypeVar("Item")


class Reindexing:
    """Sees to partitions that were just taken."""

    def __init__(self, client: Client, keys: Keys, folder: Folder, residence: Residence) -> None:
        self._client = client
        self._keys = keys
        self._folder = folder
        self._residence = residence

    def see_to(self, partition: int, lease: Lease) -> None:
        """Make the indexes anew if they are not those of the last commit; a crash on the way begins again.

        Raises FencedError, KeyTypeError, redis.RedisError.
        """
        keys = self._keys.of(partition)
        etag, indexed = self._client.call("HMGET", keys.meta, "etag", "indexed")
        if etag == indexed:
            return
        self._note_running(partition, keys, lease)
        self._clear(partition, keys, lease)
        workflow_ids, runs = self._list(keys)
        for page in _pages(workflow_ids):
            self._list_workflows(partition, lease, page)
        for page_of_runs in _pages(runs):
            self._list_traces(partition, lease, page_of_runs)
        commit = Commit(keys, lease)
        commit.add("HSET", keys.meta, "hash", "indexed", lease.etag)
        self._folder.commit(partition, commit, lease.cursor)
        logger.info("the indexes of partition %d were made anew for %d workflows", partition, len(workflow_ids))

    def _note_running(self, partition: int, keys: PartitionKeys, lease: Lease) -> None:
        """Keep the names of running workflows: the indexes that have them are cleared."""
        (indexes,) = find_running(self._client, [keys])
        for index in indexes:
            flat = self._client.call("ZRANGE", index, 0, -1, "WITHSCORES")
            for page in _pages(list(zip(flat[::2], flat[1::2], strict=True))):
                commit = Commit(keys, lease)
                due = [part for member, start in page for part in (str(int(float(start)) + PART_AGE_MS), member)]
                commit.add("ZADD", keys.open, "zset", "NX", *due)
                self._folder.commit(partition, commit, lease.cursor)

    def _clear(self, partition: int, keys: PartitionKeys, lease: Lease) -> None:
        names = sorted(self._client.call("SMEMBERS", keys.indexes))
        stale = [(keys.index(name), "zset") for name in names]
        stale += [(keys.traces(_bucket(number)), "hash") for number in range(BUCKETS)]
        for page in _pages([*stale, (keys.indexes, "set")]):
            commit = Commit(keys, lease)
            for key, kind in page:
                commit.add("DEL", key, kind)
            self._folder.commit(partition, commit, lease.cursor)

    def _list(self, keys: PartitionKeys) -> tuple[list[str], list[tuple[str, int]]]:
        """Every workflow of the partition, and every run whose trace is known to the end."""
        named = (keys.open, keys.held, keys.parked, keys.ended)
        *listed, ended = (self._client.call("ZRANGE", name, 0, -1) for name in named)
        runs = [split_run_member(member) for member in ended]
        workflow_ids = dict.fromkeys(member.decode(errors="replace") for members in listed for member in members)
        workflow_ids |= dict.fromkeys(workflow_id for workflow_id, _ in runs)
        return list(workflow_ids), runs

    def _list_workflows(self, partition: int, lease: Lease, workflow_ids: Sequence[str]) -> None:
        keys = self._keys.of(partition)
        commit = Commit(keys, lease)
        loaded = self._residence.fetch({partition: workflow_ids})
        running: list[tuple[str, int]] = []
        for (_, workflow_id), workflow in loaded.items():
            if isinstance(workflow, SnapshotError):
                continue
            commit.index(workflow_id, None, list_as(workflow.snapshot))
            if workflow.snapshot.status == "running":
                running.append((workflow_id, workflow.snapshot.run))
        self._add_traces(commit, keys, running)
        self._folder.commit(partition, commit, lease.cursor)
        self._residence.trim()

    def _list_traces(self, partition: int, lease: Lease, runs: Sequence[tuple[str, int]]) -> None:
        keys = self._keys.of(partition)
        commit = Commit(keys, lease)
        self._add_traces(commit, keys, runs)
        self._folder.commit(partition, commit, lease.cursor)

    def _add_traces(self, commit: Commit, keys: PartitionKeys, runs: Sequence[tuple[str, int]]) -> None:
        for (workflow_id, run), trace in zip(
            runs, name_traces(self._client, keys, runs, self._folder.name_trace), strict=True
        ):
            if trace is not None:
                commit.add_trace(workflow_id, run, trace)


def _bucket(number: int) -> bytes:
    return bytes.fromhex(f"{number:03x}0")


def _pages(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
