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

_decode_held = msgspec.msgpack.Decoder(Held).decode


class Residence:
    """The workflows of a worker's partitions that were used last; at most `limit` stay between batches."""

    def __init__(self, client: Client, keys: Keys, limit: int) -> None:
        self._client = client
        self._keys = keys
        self._limit = limit
        self._workflows: OrderedDict[tuple[int, str], Workflow] = OrderedDict()

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

    def trim(self) -> None:
        """Drop what was used longest ago, beyond the limit."""
        while len(self._workflows) > self._limit:
            self._workflows.popitem(last=False)

    def _load(self, missing: list[tuple[int, str]]) -> dict[tuple[int, str], Workflow | SnapshotError]:
        by_partition: dict[int, list[str]] = {}
        for partition, workflow_id in missing:
            by_partition.setdefault(partition, []).append(workflow_id)
        replies = self._client.call_all(
            ["MGET", *map(self._keys.of(partition).workflow, workflow_ids)]
            for partition, workflow_ids in by_partition.items()
        )
        loaded: dict[tuple[int, str], Workflow | SnapshotError] = {}
        partial: list[tuple[int, Snapshot, str]] = []
        for (partition, workflow_ids), stored in zip(by_partition.items(), replies, strict=True):
            for workflow_id, snapshot in zip(workflow_ids, stored, strict=True):
                try:
                    workflow = Workflow(workflow_id, decode_snapshot(snapshot) if snapshot is not None else None)
                except SnapshotError as error:
                    loaded[partition, workflow_id] = error
                    continue
                loaded[partition, workflow_id] = self._workflows[partition, workflow_id] = workflow
                if workflow.snapshot.waiting or workflow.snapshot.pages:
                    partial.append((partition, workflow.snapshot, workflow_id))
        if partial:
            self._complete(partial, loaded)
        return loaded

    def _complete(
        self,
        partial: list[tuple[int, Snapshot, str]],
        loaded: dict[tuple[int, str], Workflow | SnapshotError],
    ) -> None:
        """Load what is kept beside the snapshot: waiting events and pages of digests."""
        lists = [
            name(workflow_id)
            for partition, _, workflow_id in partial
            for name in (self._keys.of(partition).waiting, self._keys.of(partition).seen)
        ]
        replies = self._client.call_all((["LRANGE", key, 0, -1] for key in lists), raise_on_error=False)
        for index, (partition, snapshot, workflow_id) in enumerate(partial):
            waiting, pages = replies[2 * index : 2 * index + 2]
            place = (partition, workflow_id)
            try:
                for reply in (waiting, pages):
                    if is_wrong_type(reply):
                        raise SnapshotError(f"a list beside the snapshot of {workflow_id} holds another type")
                    if isinstance(reply, Exception):
                        raise reply
                held = [_decode_held(item) for item in waiting]
                loaded[place] = self._workflows[place] = Workflow(workflow_id, snapshot, held, pages)
            except (SnapshotError, *UNREADABLE) as error:
                self._workflows.pop(place, None)
                loaded[place] = SnapshotError(str(error))
