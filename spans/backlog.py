"""Outbox entries in hand: which of their items wait, and what may be acknowledged when some have been settled."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from spans.parcel import Parcel
from streams.outbox import Acknowledgement, OutboxEntry, OutboxItem

RUNS = 10_000  # that are sent in parts, of which it is known how far they were taken


@dataclass(slots=True)
class HeldEntry:
    """An entry of which `open_items` are not settled; `marked` are ended runs whose trace state must still go."""

    partition: int
    entry_id: bytes
    open_items: int
    marked: list[OutboxItem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class HeldItem:
    """One item of a held entry."""

    entry: HeldEntry
    item: OutboxItem


Settled = tuple[HeldItem, Parcel]


class Backlog:
    """Items in the order of the outbox."""

    def __init__(self) -> None:
        self._waiting: deque[HeldItem] = deque()
        self._taken: OrderedDict[tuple[str, int], int] = OrderedDict()  # how far runs that go on were taken

    def __len__(self) -> int:
        return len(self._waiting)

    def extend(self, entries: Iterable[OutboxEntry]) -> list[HeldEntry]:
        """Take entries in hand; those without any item come back, to be acknowledged. A newer version's are left."""
        empty = []
        for entry in entries:
            if entry.newer:
                continue
            held = HeldEntry(entry.partition, entry.entry_id, len(entry.items))
            self._waiting.extend(HeldItem(held, item) for item in entry.items)
            if not entry.items:
                empty.append(held)
        return empty

    def drop(self, partition: int) -> None:
        """Let go of what waits of a partition."""
        self._waiting = deque(held for held in self._waiting if held.entry.partition != partition)

    def take(self, most_items: int, most_records: int) -> list[HeldItem]:
        """The next items: at least one if any waits, then as many as both bounds allow.

        Of a run that is sent in parts those records count that came since its last part, where that is known.
        """
        taken: list[HeldItem] = []
        records = 0
        while self._waiting and len(taken) < most_items:
            item = self._waiting[0].item
            run = item.workflow_id, item.run
            records += item.entries - min(self._taken.get(run, 0), item.entries)
            if taken and records > most_records:
                break
            taken.append(self._waiting.popleft())
            self._note(run, item)
        return taken

    def _note(self, run: tuple[str, int], item: OutboxItem) -> None:
        if item.last:
            self._taken.pop(run, None)
            return
        self._taken[run] = item.entries
        self._taken.move_to_end(run)
        if len(self._taken) > RUNS:
            self._taken.popitem(last=False)


def acknowledge_settled(judged: Iterable[Settled]) -> dict[int, Acknowledgement]:
    """What to acknowledge by partition, now that these items are settled, some of them perhaps in part.

    An entry goes when its last item is settled. Until then the trace state of each settled run stands in for it: it
    tells a successor of this process what of that run is left to be sent, if anything.
    """
    by_partition: dict[int, Acknowledgement] = {}
    done, begun = [], []
    for held, parcel in judged:
        if not parcel.unsettled:
            held.entry.open_items -= 1
            done.append((held, parcel))
        elif progress := parcel.progress():
            begun.append((held, progress))
    for held, parcel in done:
        entry, item = held.entry, held.item
        part = by_partition.setdefault(entry.partition, Acknowledgement())
        part.children += parcel.brought
        if entry.open_items == 0:
            if entry.entry_id not in part.entry_ids[-1:]:
                part.entry_ids.append(entry.entry_id)
                part.states += [(marked, None) for marked in entry.marked]
                part.ended += entry.marked
                entry.marked = []
            if item.last:
                part.states.append((item, None))
                part.ended.append(item)
                continue
        elif item.last:
            entry.marked.append(item)
        if parcel.state is not None:
            part.states.append((item, parcel.state))
    for held, progress in begun:  # behind those of earlier parts of the same runs
        by_partition.setdefault(held.entry.partition, Acknowledgement()).states.append((held.item, progress))
    return by_partition


def in_requests(settled: Iterable[Settled], most_spans: int, most_bytes: int) -> Iterator[list[Settled]]:
    """What goes in one request each: all spans of an item, and as many items as fit."""
    batch: list[Settled] = []
    spans = size = 0
    for pair in settled:
        parcel_bytes = sum(map(len, pair[1].spans))
        if batch and (spans + len(pair[1].spans) > most_spans or size + parcel_bytes > most_bytes):
            yield batch
            batch, spans, size = [], 0, 0
        batch.append(pair)
        spans += len(pair[1].spans)
        size += parcel_bytes
    if batch:
        yield batch
