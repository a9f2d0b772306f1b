"""Where workflows are now, read from snapshots and journals."""

from collections.abc import Iterator

import msgspec

from machines.errors import SnapshotError
from machines.journal import Header, Record, decode_journal
from machines.snapshot import Snapshot, decode_snapshot
from streams.client import Client
from streams.keys import Keys, PartitionKeys, partition_of, split_run_member
from streams.schedule import list_overdue

PAGE = 500


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


def list_workflows(
    client: Client,
    keys: Keys,
    partitions: int,
    *,
    machine: str | None = None,
    status: str | None = None,
    overdue_ms: int | None = None,
    limit: int = 100,
) -> list[WorkflowView]:
    """Workflows that fit the filters, the one that changed last first; at most `limit`.

    With `overdue_ms`, those with a deadline that was due then and has not been applied: only these are read. Without,
    every workflow that Redis holds is: meant for a person, not for a poll. Raises redis.RedisError.
    """
    found = [
        view
        for partition in range(partitions)
        for view in _read_partition(client, keys, partition, overdue_ms)
        if machine in (None, view.snapshot.machine)
        and status in (None, view.snapshot.status)
        and (overdue_ms is None or view.overdue(overdue_ms))
    ]
    found.sort(key=lambda view: (-view.snapshot.updated_ns, view.id))
    return found[:limit]


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
    return decode_journal(entries) if entries else None


def _read_partition(client: Client, keys: Keys, partition: int, overdue_ms: int | None) -> Iterator[WorkflowView]:
    owned = keys.of(partition)
    if overdue_ms is None:
        listed = _list_all(client, owned)
    else:
        listed = [overdue.workflow_id for overdue in list_overdue(client, [owned], overdue_ms)]
    for start in range(0, len(listed), PAGE):
        page = listed[start : start + PAGE]
        for workflow_id, stored in zip(page, client.call("MGET", *map(owned.workflow, page)), strict=True):
            if stored is None:
                continue
            try:
                yield WorkflowView(workflow_id, partition, decode_snapshot(stored))
            except SnapshotError:
                continue  # written by a newer version: `find_workflow` says so when it is asked for


def _list_all(client: Client, owned: PartitionKeys) -> list[str]:
    ids = dict.fromkeys(
        [member.decode() for name in (owned.open, owned.held, owned.parked) for member in _members(client, name)]
        + [split_run_member(member)[0] for member in _members(client, owned.ended)]
    )
    return list(ids)


def _members(client: Client, name: bytes) -> list[bytes]:
    members: list[bytes] = client.call("ZRANGEBYSCORE", name, "-inf", "+inf")
    return members
