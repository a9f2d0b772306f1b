"""Runs that have been open for a day: parts are looked for only of those, and only they are noted in `open`.

A run is noted by the commit that sends its first part, by the one with which it begins where that was a day ago or
lies in the future, and otherwise here, once it comes of age.
"""

from collections.abc import Collection, Mapping, Sequence

import redis

from streams.batch import Folder
from streams.client import Client, check_kind
from streams.commit import Commit
from streams.counts import find_running
from streams.errors import FencedError, KeyTypeError, MovingError
from streams.indexed import PART_AGE_MS
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
        """Note runs that have come of age by `now_ms`, a page of each index; the partitions where that failed, with
        the reason."""
        self._due_ms = {partition: self._due_ms.get(partition, 0) for partition in leases}
        due = [
            partition
            for partition, due_ms in self._due_ms.items()
            if partition not in passed_over and not is_ahead(due_ms, now_ms, EVERY_MS)
        ]
        until_ms = now_ms - PART_AGE_MS
        failed: dict[int, Exception] = {}
        for partition, (members, reached_ms) in self._come_of_age(due, until_ms, failed).items():
            try:
                self._note(partition, leases[partition], members, reached_ms, now_ms)
            except (FencedError, KeyTypeError, MovingError) as error:
                failed[partition] = error
            else:
                if reached_ms == until_ms:
                    self._due_ms[partition] = now_ms + EVERY_MS
        return failed

    def _come_of_age(
        self, partitions: Sequence[int], until_ms: int, failed: dict[int, Exception]
    ) -> dict[int, tuple[list[bytes], int]]:
        """By partition runs that are to be noted, and up to which start (ms) these are all."""
        owned = [self._keys.of(partition) for partition in partitions]
        noted = self._client.call_all(("HGET", keys.meta, _AGED) for keys in owned)
        indexes = [
            (partition, index, b"(" + since if since else b"-inf")
            for partition, since, found in zip(partitions, noted, find_running(self._client, owned), strict=True)
            for index in found
        ]
        replies = self._client.call_all(
            (("ZRANGEBYSCORE", *wanted, until_ms, "WITHSCORES", "LIMIT", 0, BATCH) for _, *wanted in indexes),
            raise_on_error=False,
        )
        aged: dict[int, tuple[list[bytes], int]] = {partition: ([], until_ms) for partition in partitions}
        for (partition, index, _), reply in zip(indexes, replies, strict=True):
            if isinstance(reply, redis.ResponseError):
                try:
                    check_kind(self._client, index, "zset")
                except KeyTypeError as error:
                    failed[partition] = error
                    aged.pop(partition, None)
                    continue
                raise reply
            if partition in aged:
                found, reached_ms = aged[partition]
                members, all_to_ms = self._whole(index, reply, until_ms)
                aged[partition] = found + members, min(reached_ms, all_to_ms)
        return aged

    def _whole(self, index: bytes, page: Sequence[bytes], until_ms: int) -> tuple[list[bytes], int]:
        """The members of a page, and up to which score there are no others."""
        members, scores = list(page[::2]), page[1::2]
        if len(members) < BATCH:
            return members, until_ms
        first_ms, last_ms = int(float(scores[0])), int(float(scores[-1]))
        if first_ms < last_ms:
            return members, last_ms - 1
        return self._client.call("ZRANGEBYSCORE", index, last_ms, last_ms), last_ms

    def _note(self, partition: int, lease: Lease, members: Sequence[bytes], reached_ms: int, now_ms: int) -> None:
        keys = self._keys.of(partition)
        for start in range(0, len(members), BATCH):
            commit = Commit(keys, lease)
            pairs = [part for member in members[start : start + BATCH] for part in (str(now_ms), member)]
            commit.add("ZADD", keys.open, "zset", "NX", *pairs)
            if start + BATCH >= len(members):
                commit.add("HSET", keys.meta, "hash", _AGED, str(reached_ms))
            self._folder.commit(partition, commit, lease.cursor)
