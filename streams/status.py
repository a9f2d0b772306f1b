"""Where workflows are now, read from snapshots and journals."""

from collections.abc import Sequence

import msgspec

from machines.errors import SnapshotError
from machines.journal import Header, Record, decode_journal
from machines.snapshot import Snapshot, decode_snapshot
from streams.client import Client
from streams.keys import Keys, partition_of


class WorkflowView(msgspec.Struct, frozen=True):
    """One workflow as its snapshot says; `partition` is where it lives."""

    id: str
    partition: int
    snapshot: Snapshot

    def overdue(self, at_ms: int) -> dict[str, int]:
        """The deadlines that were due at that time and have not been applied: due times (ns) by what they are on."""
        due = sorted(self.snapshot.deadlines.items(), key=lambda item: item[1])
        return {key: due_ns for key, due_ns in due if due_ns <= at_ms * 1_000_000}


def find_workflow(client: Client, keys: Keys, partitions: int, workflow_id: str) -> WorkflowView | None:
    """The workflow of one id, or None. Raises SnapshotError, redis.RedisError."""
    partition = partition_of(workflow_id, partitions)
    stored = client.call("GET", keys.of(partition).workflow(workflow_id))
    return None if stored is None else WorkflowView(workflow_id, partition, decode_snapshot(stored))


def read_views(client: Client, keys: Keys, places: Sequence[tuple[int, str]]) -> list[WorkflowView | None]:
    """The workflows of (partition, id), in one round trip; None for one that is not there or cannot be read.

    What a newer version of Longspan wrote cannot be read: `find_workflow` says so when it is asked for.
    Raises redis.RedisError.
    """
    by_partition: dict[int, list[str]] = {}
    for partition, workflow_id in places:
        by_partition.setdefault(partition, []).append(workflow_id)
    replies = client.call_all(
        ["MGET", *map(keys.of(partition).workflow, listed)] for partition, listed in by_partition.items()
    )
    views = {
        (partition, workflow_id): _view(workflow_id, partition, snapshot)
        for (partition, listed), stored in zip(by_partition.items(), replies, strict=True)
        for workflow_id, snapshot in zip(listed, stored, strict=True)
    }
    return [views[place] for place in places]


def read_journal(
    client: Client, keys: Keys, partitions: int, workflow_id: str, run: int | None = None
) -> tuple[Header, list[Record]] | None:
    """Header and records of a run, by default the last; None where there is none. Raises SnapshotError."""
    partition = partition_of(workflow_id, partitions)
    if run is None:
        view = find_workflow(client, keys, partitions, workflow_id)
        if view is None or not view.snapshot.run:
            return None
        run = view.snapshot.run
    entries = client.call("LRANGE", keys.of(partition).journal(workflow_id, run), 0, -1)
    return decode_journal(entries, workflow_id) if entries else None


def _view(workflow_id: str, partition: int, stored: bytes | None) -> WorkflowView | None:
    try:
        return None if stored is None else WorkflowView(workflow_id, partition, decode_snapshot(stored))
    except SnapshotError:
        return None
