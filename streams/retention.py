"""Retention: delivered runs that ended long enough ago leave Redis."""

from collections.abc import Sequence

from machines.errors import NewerSnapshotError, SnapshotError
from machines.snapshot import Snapshot, decode_snapshot
from streams.archiving import LEFT, Archive
from streams.batch import Folder
from streams.beginnings import name_traces
from streams.client import Client
from streams.commit import Commit
from streams.indexes import list_as
from streams.keys import Keys, PartitionKeys, split_run_member
from streams.lease import Lease
from streams.listed import POSTPONE_MS
from streams.residence import Residence


class Retention:
    """Removes runs."""

    def __init__(
        self, client: Client, keys: Keys, folder: Folder, residence: Residence, archive: Archive | None = None
    ) -> None:
        self._archive = archive
        self._client = client
        self._keys = keys
        self._folder = folder
        self._residence = residence

    def remove(self, partition: int, lease: Lease, members: Sequence[bytes], until_ms: int) -> bool:
        """Remove the listed runs, which were delivered before `until_ms`; whether all of them could be seen to.

        One whose workflow has events that wait stays a while, and so does what a newer version has written, or what
        is to be archived and is not yet. Raises FencedError, KeyTypeError, redis.RedisError.
        """
        keys = self._keys.of(partition)
        listed = len(members)
        unread: frozenset[bytes] = frozenset()
        if self._archive is not None:
            members, unread = self._find_kept(self._archive, keys, partition, members, until_ms)
        if not members:
            return not listed
        runs = [split_run_member(member) for member in members]
        stored = self._client.call("MGET", *(keys.workflow(workflow_id) for workflow_id, _ in runs))
        traces = name_traces(self._client, keys, runs, self._folder.name_trace)
        commit = Commit(keys, lease)
        for member, (workflow_id, run), stored_snapshot, trace in zip(members, runs, stored, traces, strict=True):
            try:
                snapshot = _read_snapshot(stored_snapshot)
                stays = member in unread or (snapshot is not None and snapshot.run == run and snapshot.waiting)
            except NewerSnapshotError:
                snapshot, stays = None, True
            if stays:
                commit.add("ZADD", keys.ended, "zset", str(until_ms + POSTPONE_MS), member)
                continue
            commit.add("ZREM", keys.ended, "zset", member)
            commit.forget_run(workflow_id, run, trace)
            if snapshot is not None and snapshot.run == run and snapshot.ended:
                commit.add("DEL", keys.workflow(workflow_id), "string")
                commit.add("DEL", keys.seen(workflow_id), "list")
                commit.index(workflow_id, list_as(snapshot), None)
        self._residence.forget(partition, [workflow_id for workflow_id, _ in runs])
        self._folder.commit(partition, commit, lease.cursor)
        if self._archive is not None:
            self._archive.forget(partition, members)
        return len(members) == listed

    def _find_kept(
        self, archive: Archive, keys: PartitionKeys, partition: int, members: Sequence[bytes], until_ms: int
    ) -> tuple[list[bytes], frozenset[bytes]]:
        """Those that are archived as they are now, or cannot be; and the latter ones.

        Nobody else writes to the partition until the commit, or the commit is refused.
        """
        kept = archive.kept(partition, until_ms)
        found = [member for member in members if member in kept]
        if not found:
            return [], frozenset()
        lengths = (("LLEN", keys.journal(*split_run_member(member))) for member in found)
        # A name may come again when all of its workflow is gone: then it was delivered at another time.
        scores, *entries = self._client.call_all([("ZMSCORE", keys.ended, *found), *lengths], raise_on_error=False)
        same: list[bytes] = []
        changed: list[bytes] = []
        for member, score, length in zip(found, scores, entries, strict=True):
            what = kept[member]
            is_same = what.entries in (LEFT, length) and score is not None and int(float(score)) == what.delivered_ms
            (same if is_same else changed).append(member)
        if changed:
            archive.forget(partition, changed)
        return same, frozenset(member for member in same if kept[member].entries == LEFT)


def _read_snapshot(stored: bytes | None) -> Snapshot | None:
    try:
        return None if stored is None else decode_snapshot(stored)
    except NewerSnapshotError:
        raise
    except SnapshotError:
        return None
