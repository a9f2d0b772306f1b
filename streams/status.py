"""Where workflows are now, read from snapshots and journals."""

from collections.abc import Iterator

import msgspec

from machines.errors import SnapshotError
from machines.journal import Header, Record, decode_journal
from machines.snapshot import Snapshot, decode_snapshot
from streams.client import Client
from streams.keys import Keys, partition_of, split_run_member

PAGE = 500


class WorkflowView(msgspec.Struct, frozen=True):
    """One workflow as its snapshot says; `partition` is where it lives."""

    id: str
    partition: int
    snapshot: Snapshot


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
    limit: int = 100,
) -> list[WorkflowView]:
    """Workflows that fit the filters, the one that changed last first; at most `limit`.

    Reads every workflow that Redis holds: meant for a person, not for a poll. Raises redis.RedisError.
    """
    found = [
        view
        for partition in range(partitions)
        for view in _read_partition(client, keys, partition)
        if machine in (None, view.snapshot.machine) and status in (None, view.snapshot.status)
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


def _read_partition(client: Client, keys: Keys, partition: int) -> Iterator[WorkflowView]:
    owned = keys.of(partition)
    ids = dict.fromkeys(
        [member.decode() for name in (owned.open, owned.held, owned.parked) for member in _members(client, name)]
        + [split_run_member(member)[0] for member in _members(client, owned.ended)]
    )
    listed = list(ids)
    for start in range(0, len(listed), PAGE):
        page = listed[start : start + PAGE]
        for workflow_id, stored in zip(page, client.call("MGET", *map(owned.workflow, page)), strict=True):
            if stored is None:
                continue
            try:
                yield WorkflowView(workflow_id, partition, decode_snapshot(stored))
            except SnapshotError:
                continue  # written by a newer version: `find_workflow` says so when it is asked for


def _members(client: Client, name: bytes) -> list[bytes]:
    members: list[bytes] = client.call("ZRANGEBYSCORE", name, "-inf", "+inf")
    return members
