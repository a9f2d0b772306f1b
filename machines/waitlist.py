"""The events of one workflow that wait, in the order in which they came: which is next, at a cost that does not grow.

An event is looked at again only when what it waits for may have come: another phase of the workflow, or its number.
"""

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush
from sys import getsizeof

from machines.admission import AmbiguousMachineError, Hold, expected_sequence, find_hold, find_successor
from machines.catalog import Catalog
from machines.changes import Held
from machines.events import Event
from machines.snapshot import Snapshot

_Numbered = list[tuple[int, int]]  # a heap of (sequence, ticket)
_EVENT_BYTES = 1_200  # of one that waits, its data and extensions aside


class Waitlist:
    """Waiting events, each with a ticket: lower ones came earlier. `weight` is what they take in memory, in bytes."""

    __slots__ = (
        "_ambiguous",
        "_catalog",
        "_foreign",
        "_found",
        "_held",
        "_identities",
        "_numbered",
        "_open",
        "_phase",
        "_since",
        "_stuck",
        "_tickets",
        "weight",
    )

    def __init__(self, held: Iterable[Held] = ()) -> None:
        self._held: dict[int, Held] = {}
        self._tickets = 0
        self.weight = 0
        self._identities: set[tuple[object, ...]] = set()
        self._since: dict[str, list[tuple[int, int]]] = {}  # by reason, heaps of (since_ms, ticket); some are outdated
        self._found: dict[int, Hold] = {}  # what they wait for as seen last, where that may be news
        self._catalog: Catalog | None = None
        self._phase: tuple[str, str, int, bool] | None = None
        for waiting in held:
            self.add(waiting)

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Held]:
        return iter(self._held.values())

    def __getitem__(self, ticket: int) -> Held:
        return self._held[ticket]

    def holds(self, identity: tuple[object, ...]) -> bool:
        """Whether the event with this identity waits."""
        return identity in self._identities

    def add(self, held: Held) -> None:
        """Put an event at the end."""
        ticket, self._tickets = self._tickets, self._tickets + 1
        self._held[ticket] = held
        self.weight += _weigh(held.event)
        self._identities.add(held.event.identity)
        self._note(ticket, held)
        if self._catalog is not None:
            heappush(self._open, ticket)

    def find(self, name: tuple[str, str]) -> int | None:
        """The ticket of the event with this source and id, or None."""
        return next((t for t, held in self._held.items() if (held.event.source, held.event.id) == name), None)

    def replace(self, ticket: int, event: Event) -> None:
        """Let a waiting event be told otherwise, and be looked at again."""
        held = self._held[ticket]
        self._held[ticket] = Held(event, held.reason, held.since_ms)
        self.weight += _weigh(event) - _weigh(held.event)
        if self._catalog is not None:
            heappush(self._open, ticket)

    def take(self, ticket: int) -> Held:
        """Take an event out."""
        held = self._held.pop(ticket)
        self.weight -= _weigh(held.event)
        self._identities.discard(held.event.identity)
        return held

    def ready(self, catalog: Catalog, snapshot: Snapshot) -> int | None:
        """The ticket of the first event that waits no longer, or never can be applied; None where there is none.

        A start that has not asked its parent yet is one of them.
        """
        self._enter(catalog, snapshot)
        self._call_numbers(snapshot)
        while self._open:
            ticket = self._open[0]
            held = self._held.get(ticket)
            if held is not None:
                try:
                    hold = find_hold(catalog, snapshot, held.event)
                except AmbiguousMachineError:
                    return ticket
                if hold is None or (hold is Hold.PARENT and snapshot.joining is None):
                    return ticket
                self._found[ticket] = hold
                self._put_aside(catalog, snapshot, ticket, held, hold)
            heappop(self._open)
        return None

    def relabel(self, now_ms: int) -> bool:
        """What waits for something else than it did waits for that from now on; whether there was any."""
        changed = False
        for ticket, hold in self._found.items():
            held = self._held.get(ticket)
            if held is not None and held.reason != hold.value:
                held = self._held[ticket] = Held(held.event, hold.value, now_ms)
                self._note(ticket, held)
                changed = True
        self._found.clear()
        return changed

    def lowest(self, snapshot: Snapshot) -> int | None:
        """The ticket of the lowest number that waits for earlier ones; to be asked when none is ready."""
        heaps = [self._numbered] if snapshot.ended else [self._numbered, self._foreign]
        for heap in heaps:
            while heap and heap[0][1] not in self._held:
                heappop(heap)
        return min((heap[0] for heap in heaps if heap), default=(0, None))[1]

    def oldest_ms(self, reason: Hold) -> int | None:
        """Since when the one has waited that waits longest for this reason; None where there is none."""
        heap = self._since.get(reason.value)
        while heap:
            since_ms, ticket = heap[0]
            held = self._held.get(ticket)
            if held is not None and held.reason == reason.value and held.since_ms == since_ms:
                return since_ms
            heappop(heap)
        return None

    def take_since(self, reason: Hold, until_ms: int) -> list[Held]:
        """Take out what has waited for this reason since `until_ms` or longer."""
        oldest_ms = self.oldest_ms(reason)
        if oldest_ms is None or oldest_ms > until_ms:
            return []
        waiting = self._held.items()
        return [self.take(t) for t, held in list(waiting) if held.reason == reason.value and held.since_ms <= until_ms]

    def _note(self, ticket: int, held: Held) -> None:
        heappush(self._since.setdefault(held.reason, []), (held.since_ms, ticket))

    def _enter(self, catalog: Catalog, snapshot: Snapshot) -> None:
        """Look again at what a new phase may concern: the start, the end, another version, other machines."""
        status = "ended" if snapshot.ended else "waiting" if snapshot.status == "waiting" else "running"
        phase = status, snapshot.machine, snapshot.version, snapshot.joining is None
        if catalog is not self._catalog:
            self._open = list(self._held)
            self._stuck: list[int] = []  # what no number helps
            self._numbered: _Numbered = []
            self._foreign: _Numbered = []  # those whose machine is not loaded, so that they start no further run
            self._ambiguous: list[int] = []  # numbered ones that could start several machines
        elif phase != self._phase:
            self._open += self._stuck
            self._stuck = []
            if snapshot.ended:
                self._open += self._ambiguous
                self._ambiguous = []
            heapify(self._open)
            self._found |= dict.fromkeys(
                (ticket for _, ticket in self._foreign), Hold.MACHINE if snapshot.ended else Hold.SEQUENCE
            )
        self._catalog, self._phase = catalog, phase

    def _call_numbers(self, snapshot: Snapshot) -> None:
        """Look again at those whose number has come."""
        unnumbered = snapshot.ended and snapshot.sequence is None
        last = None if unnumbered else expected_sequence(snapshot)
        for heap in [self._numbered] if snapshot.ended else [self._numbered, self._foreign]:
            while heap and (last is None or heap[0][0] <= last):
                heappush(self._open, heappop(heap)[1])

    def _put_aside(self, catalog: Catalog, snapshot: Snapshot, ticket: int, held: Held, hold: Hold) -> None:
        if hold is not Hold.SEQUENCE:
            self._stuck.append(ticket)
            return
        heap = self._numbered
        if not snapshot.ended:
            try:
                if find_successor(catalog, held.event) is Hold.MACHINE:
                    heap = self._foreign
            except AmbiguousMachineError:
                self._ambiguous.append(ticket)
        heappush(heap, (held.event.sequence or 0, ticket))


def _weigh(event: Event) -> int:
    extensions = event.extensions or {}
    return _EVENT_BYTES + getsizeof(event.data) + sum(map(getsizeof, extensions.values()))
