"""Workflows in memory: a bounded cache over the snapshots in Redis."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping

import msgspec

from machines.changes import Held
from machines.errors import SnapshotError
from machines.snapshot import Snapshot, decode_snapshot
from machines.workflow import Workflow
from streams.client import Client
from streams.errors import UNREADABLE, is_wrong_type
from streams.keys import Keys
from streams.weights import Weights

_decode_held = msgspec.msgpack.Decoder(Held).decode


class Residence:
    """The workflows of a worker's partitions that were used last.

    At most `limit` of them stay between batches, and as many as take `limit_bytes` of memory: a workflow that is
    larger than that is read anew for each batch.
    """

    def __init__(self, client: Client, keys: Keys, limit: int, limit_bytes: int) -> None:
        self._client = client
        self._keys = keys
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._workflows: OrderedDict[tuple[int, str], Workflow] = OrderedDict()
        self._weights = Weights()

    def fetch(self, wanted: Mapping[int, Iterable[str]]) -> dict[tuple[int, str], Workflow | SnapshotError]:
        """The workflows of (partition, id), from memory or Redis; SnapshotError for one that cannot be read."""
        found: dict[tuple[int, str], Workflow | SnapshotError] = {}
        missing: list[tuple[int, str]] = []
        for partition, workflow_ids in wanted.items():
            for workflow_id in workflow_ids:
                place = (partition, workflow_id)
                workflow = self._workflows.get(place)
                if workflow is None:
                    missing.append(place)
                else:
                    self._workflows.move_to_end(place)
                    found[place] = workflow
        if missing:
            found.update(self._load(missing))
        return found

    def forget(self, partition: int, workflow_ids: Iterable[str] | None = None) -> None:
        """Drop workflows of a partition, or all of it: memory and Redis may differ."""
        if workflow_ids is None:
            workflow_ids = [workflow_id for place, workflow_id in self._workflows if place == partition]
        for workflow_id in workflow_ids:
            self._workflows.pop((partition, workflow_id), None)
            self._weights.drop((partition, workflow_id))

    def weigh(self, partition: int, stored_bytes: Mapping[str, int]) -> None:
        """Take in how large the snapshots of workflows have become that were just written."""
        for workflow_id, size in stored_bytes.items():
            workflow = self._workflows.get((partition, workflow_id))
            if workflow is not None:
                self._weights.put((partition, workflow_id), workflow, size)

    def trim(self) -> None:
        """Drop what was used longest ago, beyond the limits."""
        while len(self._workflows) > self._limit or self._weights.total > self._limit_bytes:
            place, _ = self._workflows.popitem(last=False)
            self._weights.drop(place)

    def _load(self, missing: list[tuple[int, str]]) -> dict[tuple[int, str], Workflow | SnapshotError]:
        by_partition: dict[int, list[str]] = {}
        for partition, workflow_id in missing:
            by_partition.setdefault(partition, []).append(workflow_id)
        replies = self._client.call_all(
            ["MGET", *map(self._keys.of(partition).workflow, workflow_ids)]
            for partition, workflow_ids in by_partition.items()
        )
        loaded: dict[tuple[int, str], Workflow | SnapshotError] = {}
        partial: list[tuple[int, Snapshot, str, int]] = []
        for (partition, workflow_ids), stored in zip(by_partition.items(), replies, strict=True):
            for workflow_id, snapshot in zip(workflow_ids, stored, strict=True):
                try:
                    workflow = Workflow(workflow_id, decode_snapshot(snapshot) if snapshot is not None else None)
                except SnapshotError as error:
                    loaded[partition, workflow_id] = error
                    continue
                self._keep((partition, workflow_id), workflow, len(snapshot or b""))
                loaded[partition, workflow_id] = workflow
                if workflow.snapshot.waiting or workflow.snapshot.pages:
                    partial.append((partition, workflow.snapshot, workflow_id, len(snapshot)))
        if partial:
            self._complete(partial, loaded)
        return loaded

    def _complete(
        self,
        partial: list[tuple[int, Snapshot, str, int]],
        loaded: dict[tuple[int, str], Workflow | SnapshotError],
    ) -> None:
        """Load what is kept beside the snapshot: waiting events and pages of digests."""
        lists = [
            key
            for partition, snapshot, workflow_id, _ in partial
            for key, count in (
                (self._keys.of(partition).waiting(workflow_id), snapshot.waiting),
                (self._keys.of(partition).seen(workflow_id), snapshot.pages),
            )
            if count
        ]
        replies = iter(self._client.call_all((["LRANGE", key, 0, -1] for key in lists), raise_on_error=False))
        for partition, snapshot, workflow_id, size in partial:
            waiting, pages = (next(replies) if count else [] for count in (snapshot.waiting, snapshot.pages))
            place = (partition, workflow_id)
            try:
                for reply in (waiting, pages):
                    if is_wrong_type(reply):
                        raise SnapshotError(f"a list beside the snapshot of {workflow_id} holds another type")
                    if isinstance(reply, Exception):
                        raise reply
                held = [_decode_held(item) for item in waiting]
                loaded[place] = workflow = Workflow(workflow_id, snapshot, held, pages)
                self._keep(place, workflow, size)
            except (SnapshotError, *UNREADABLE) as error:
                self.forget(partition, [workflow_id])
                loaded[place] = SnapshotError(str(error))

    def _keep(self, place: tuple[int, str], workflow: Workflow, stored_bytes: int) -> None:
        self._workflows[place] = workflow
        self._weights.put(place, workflow, stored_bytes)
