"""Retention: delivered runs that ended long enough ago leave Redis."""

from collections.abc import Sequence

from machines.errors import NewerSnapshotError, SnapshotError
from machines.snapshot import Snapshot, decode_snapshot
from streams.batch import Folder
from streams.client import Client
from streams.commit import Commit
from streams.keys import Keys, split_run_member
from streams.lease import Lease
from streams.listed import POSTPONE_MS
from streams.residence import Residence


class Retention:
    """Removes runs."""

    def __init__(self, client: Client, keys: Keys, folder: Folder, residence: Residence) -> None:
        self._client = client
        self._keys = keys
        self._folder = folder
        self._residence = residence

    def remove(self, partition: int, lease: Lease, members: Sequence[bytes], until_ms: int) -> None:
        """Remove the listed runs, which were delivered before `until_ms`.

        One whose workflow has events that wait stays a while, and so does what a newer version has written.
        Raises FencedError, KeyTypeError, redis.RedisError.
        """
        keys = self._keys.of(partition)
        runs = [split_run_member(member) for member in members]
        stored = self._client.call("MGET", *(keys.workflow(workflow_id) for workflow_id, _ in runs))
        commit = Commit(keys, lease)
        for member, (workflow_id, run), stored_snapshot in zip(members, runs, stored, strict=True):
            try:
                snapshot = _read_snapshot(stored_snapshot)
                stays = snapshot is not None and snapshot.run == run and snapshot.waiting
            except NewerSnapshotError:
                snapshot, stays = None, True
            if stays:
                commit.add("ZADD", keys.ended, "zset", str(until_ms + POSTPONE_MS), member)
                continue
            commit.add("ZREM", keys.ended, "zset", member)
            commit.add("DEL", keys.journal(workflow_id, run), "list")
            commit.add("DEL", keys.trace(workflow_id, run), "string")
            if snapshot is not None and snapshot.run == run and snapshot.ended:
                commit.add("DEL", keys.workflow(workflow_id), "string")
                commit.add("DEL", keys.seen(workflow_id), "list")
        self._residence.forget(partition, [workflow_id for workflow_id, _ in runs])
        self._folder.commit(partition, commit, lease.cursor)


def _read_snapshot(stored: bytes | None) -> Snapshot | None:
    try:
        return None if stored is None else decode_snapshot(stored)
    except NewerSnapshotError:
        raise
    except SnapshotError:
        return None
