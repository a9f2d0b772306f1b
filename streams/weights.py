"""How much memory workflows take: told from the size in which they are stored, and counted where that is large."""

from sys import getsizeof

import msgspec

from machines.snapshot import Snapshot
from machines.workflow import Workflow

WORKFLOW_BYTES = 3_600  # of one with an empty snapshot that nothing waits for
PLAIN_BYTES = 512  # a smaller snapshot, its digests aside, is not looked through
PLAIN_SPREAD = 4  # bytes in memory for one that such a snapshot is stored in
CHANGE = 8  # what has grown or shrunk by less than an eighth is not looked through again


class Weights:
    """What each of many workflows weighs; `total` is the sum, in bytes."""

    def __init__(self) -> None:
        self.total = 0
        self._known: dict[tuple[int, str], tuple[int, int, int]] = {}  # whole weight, stored size, snapshot's weight

    def put(self, place: tuple[int, str], workflow: Workflow, stored_bytes: int) -> None:
        """Weigh a workflow whose snapshot is stored in so many bytes."""
        before, stored_before, snapshot_bytes = self._known.get(place, (0, -1, 0))
        if stored_before < 0 or abs(stored_bytes - stored_before) * CHANGE > stored_before:
            stored_before, snapshot_bytes = stored_bytes, _weigh_snapshot(workflow.snapshot, stored_bytes)
        weight = WORKFLOW_BYTES + snapshot_bytes + workflow.pages.weight + workflow.held.weight
        if weight != before:
            self._known[place] = weight, stored_before, snapshot_bytes
            self.total += weight - before

    def drop(self, place: tuple[int, str]) -> None:
        """Count a workflow no longer."""
        self.total -= self._known.pop(place, (0, 0, 0))[0]


def count_bytes(value: object) -> int:
    """What a tree of built-in types and structs takes in memory."""
    total = 0
    left = [value]
    while left:
        item = left.pop()
        total += getsizeof(item)
        if isinstance(item, dict):
            left += item.keys()
            left += item.values()
        elif isinstance(item, (list, tuple)):
            left += item
        elif isinstance(item, msgspec.Struct):
            left += msgspec.structs.astuple(item)
    return total


def _weigh_snapshot(snapshot: Snapshot, stored_bytes: int) -> int:
    plain_bytes = stored_bytes - len(snapshot.seen)
    if plain_bytes < PLAIN_BYTES:
        return PLAIN_SPREAD * plain_bytes + len(snapshot.seen)
    return count_bytes(snapshot)
