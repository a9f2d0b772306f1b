"""Runs that have been open for a day: parts are looked for only of those, and only they are noted in `open`.

A run is noted by the commit that sends its first part, by the one with which it begins where that was a day ago or
lies in the future, and otherwise here, once it comes of age.
"""

from collections.abc import Collection, Mapping, Sequence

import redis

from streams.batch import Folder
from streams.client import Client, check_kind
from streams.commit import PART_AGE_MS, Commit
from streams.counts import find_running
from streams.errors import FencedError, KeyTypeError
from streams.keys import Keys
from streams.lease import Lease
from streams.listed import BATCH
from streams.timing import is_ahead

EVERY_MS = 60_000
_AGED = "aged"  # in a partition's `meta`: up to which start (ms) runs have been noted


class Ageing:
    """Notes runs of owned partitions, each step in fenced commits. Raises redis.RedisError."""

    def __init__(self, client: Client, keys: Keys, folder: Folder) -> None:
        self._client = client
        self._keys = keys
        self._folder = folder
        self._due_ms: dict[int, int] = {}

    def step(self, leases: Mapping[int, Lease], passed_over: Collection[int], now_ms: int) -> dict[int, Exception]:
        """Note the runs that have come of age by `now_ms`; the partitions where that failed, with the reason."""
        due = [
            partition
            for partition in leases
            if partition not in passed_over and not is_ahead(self._due_ms.get(partition, 0), now_ms, EVERY_MS)
        ]
        failed: dict[int, Exception] = {}
        for partition, members in self._come_of_age(due, now_ms, failed).items():
            try:
                self._note(partition, leases[partition], members, now_ms)
            except (FencedError, KeyTypeError) as error:
                failed[partition] = error
        self._due_ms = {partition: self._due_ms.get(partition, 0) for partition in leases}
        self._due_ms.update((partition, now_ms + EVERY_MS) for partition in due if partition not in failed)
        return failed

    def _come_of_age(
        self, partitions: Sequence[int], now_ms: int, failed: dict[int, Exception]
    ) -> dict[int, list[bytes]]:
        owned = [self._keys.of(partition) for partition in partitions]
        noted = self._client.call_all(("HGET", keys.meta, _AGED) for keys in owned)
        indexes = [
            (partition, index, b"(" + since if since else b"-inf")
            for partition, since, found in zip(partitions, noted, find_running(self._client, owned), strict=True)
            for index in found
        ]
        replies = self._client.call_all(
            (("ZRANGEBYSCORE", index, since, now_ms - PART_AGE_MS) for _, index, since in indexes),
            raise_on_error=False,
        )
        aged: dict[int, list[bytes]] = {}
        for (partition, index, _), members in zip(indexes, replies, strict=True):
            if isinstance(members, redis.ResponseError):
                try:
                    check_kind(self._client, index, "zset")
                except KeyTypeError as error:
                    failed[partition] = error
                    continue
                raise members
            if members:
                aged.setdefault(partition, []).extend(members)
        return {partition: members for partition, members in aged.items() if partition not in failed}

    def _note(self, partition: int, lease: Lease, members: Sequence[bytes], now_ms: int) -> None:
        keys = self._keys.of(partition)
        for start in range(0, len(members), BATCH):
            commit = Commit(keys, lease)
            pairs = [part for member in members[start : start + BATCH] for part in (str(now_ms), member)]
            commit.add("ZADD", keys.open, "zset", "NX", *pairs)
            if start + BATCH >= len(members):
                commit.add("HSET", keys.meta, "hash", _AGED, str(now_ms - PART_AGE_MS))
            self._folder.commit(partition, commit, lease.cursor)
