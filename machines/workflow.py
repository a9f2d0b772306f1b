"""A workflow in memory: takes events one by one and collects what they change, to be committed as a whole."""

from collections.abc import Iterable

import msgspec

from machines import recollection
from machines.admission import GAPS, AmbiguousMachineError, Hold, expected_sequence, find_hold, find_starter
from machines.changes import Dead, Held, Limits
from machines.chronicle import Chronicle
from machines.events import Event
from machines.family import answer_unheard, ask_parent, stand_alone, waited_in_vain
from machines.machine import Machine
from machines.messages import CHILD_STARTED, PARENT_JOINED, decode_joined, is_message, is_of_child
from machines.place import Place
from machines.run import Interpreters
from machines.snapshot import Snapshot
from machines.timeouts import arrival_ns, deadline_before, is_deadline, is_running
from machines.waitlist import Waitlist

AHEAD = 1_000  # deadlines that fire before one event: a chart may set them in a circle, and time may have stood still


class Workflow(Chronicle):
    """The workflow of one id: what arrives is applied in its order, and what comes before its turn waits in `held`."""

    __slots__ = ("held",)

    def __init__(
        self,
        subject: str,
        snapshot: Snapshot | None = None,
        held: Iterable[Held] = (),
        pages: Iterable[bytes] = (),
    ) -> None:
        super().__init__(subject, snapshot, pages)
        self.held = Waitlist(held)

    def receive(self, interpreters: Interpreters, limits: Limits, event: Event, now_ms: int) -> str:
        """Take one event; what became of it: applied, rejected, late, duplicate, dead, or the reason why it waits."""
        mark = recollection.digest(event)
        is_due = is_deadline(event)
        if is_due:
            if not is_running(self.snapshot, event):
                return "duplicate"
        elif self.pages.knows(self.snapshot.seen, mark):
            return "duplicate"
        elif event.type == PARENT_JOINED and is_message(event):
            return self._join(interpreters, limits, event, now_ms)
        if self.held:
            if self.held.holds(event.identity):
                return "duplicate"
            self.release(interpreters, limits, now_ms)  # a machine may have been loaded since
        elif not (is_due or self.snapshot.ended):
            moves = interpreters.moves(self.snapshot.machine, self.snapshot.version)
            record = None if moves is None else moves.apply(self.snapshot, event, now_ms)
            if record is not None:
                return self.journal(limits, record, mark)
        try:
            hold = find_hold(interpreters.catalog, self.snapshot, event)
            deadlines = self.snapshot.deadlines
            may_give_way = hold is None and deadlines and (is_due or min(deadlines.values()) <= now_ms * 1_000_000)
            if may_give_way and self._give_way(interpreters, limits, event, now_ms):
                self.release(interpreters, limits, now_ms)
                hold = find_hold(interpreters.catalog, self.snapshot, event)
        except AmbiguousMachineError as error:
            return self.bury(Dead(event, "ambiguous-machine", "machine", str(error)))
        if hold is not None:
            return self._hold(interpreters, limits, Held(event, hold.value, now_ms))
        result = self.apply(interpreters, limits, event, mark, now_ms)
        if self.held:
            self.release(interpreters, limits, now_ms)
        return result

    def release(self, interpreters: Interpreters, limits: Limits, now_ms: int) -> None:
        """Apply every held event whose time has come; what waits for something else now, waits for that from now on."""
        if self.snapshot.joining is not None and self.held.find(self.snapshot.joining) is None:
            self.snapshot.joining = None
        while (ticket := self.held.ready(interpreters.catalog, self.snapshot)) is not None:
            if self._give_way(interpreters, limits, self.held[ticket].event, now_ms):
                continue
            if _joins(interpreters, self.snapshot, self.held[ticket].event):
                self._ask_parent(interpreters, limits, self.held[ticket].event, now_ms)
                continue
            event = self.held.take(ticket).event
            self.changes.rewrite_held = True
            self.apply(interpreters, limits, event, recollection.digest(event), now_ms)
        if self.held.relabel(now_ms):
            self.changes.rewrite_held = True
        self.snapshot.waiting = len(self.held)

    def expire(self, interpreters: Interpreters, limits: Limits, now_ms: int) -> None:
        """Give up on what has waited too long: early events become dead letters, gaps in a sequence are passed over."""
        self.release(interpreters, limits, now_ms)
        since_ms = self.held.oldest_ms(Hold.PARENT)
        if since_ms is not None and since_ms + limits.parent_wait_ms <= now_ms:
            self._begin_alone(interpreters, limits, now_ms)
        if not self.is_expecting:
            for held in self.held.take_since(Hold.EARLY, now_ms - limits.early_wait_ms):
                self.changes.rewrite_held = True
                if is_message(held.event):
                    self.changes.messages += answer_unheard(held.event, f"{self.subject} did not start")
                    continue
                detail = f"no event started workflow {self.subject} in time"
                self.bury(Dead(held.event, Hold.EARLY.value, "subject", detail))
        while self.snapshot.joining is None and (since_ms := self.held.oldest_ms(Hold.SEQUENCE)) is not None:
            turn_ms = since_ms + limits.reorder_wait_ms
            if turn_ms > now_ms:
                break
            self._pass_gap(interpreters, limits, now_ms, turn_ms)
        self.snapshot.waiting = len(self.held)

    @property
    def is_parked(self) -> bool:
        """Whether an event waits for a machine: it may be the start that early events wait for."""
        return self.held.oldest_ms(Hold.MACHINE) is not None

    @property
    def is_expecting(self) -> bool:
        """Whether the start that early events wait for may be here, and waits itself."""
        return self.is_parked or self.snapshot.joining is not None

    def expires_ms(self, limits: Limits) -> int | None:
        """When `expire` has something to do next, or None."""
        joins = self.snapshot.joining is not None
        waits = [(Hold.PARENT, limits.parent_wait_ms) if joins else (Hold.SEQUENCE, limits.reorder_wait_ms)]
        if not self.is_expecting:
            waits.append((Hold.EARLY, limits.early_wait_ms))
        ends = [(self.held.oldest_ms(reason), wait_ms) for reason, wait_ms in waits]
        return min((since_ms + wait_ms for since_ms, wait_ms in ends if since_ms is not None), default=None)

    def _give_way(
        self, interpreters: Interpreters, limits: Limits, event: Event, now_ms: int, turn_ms: int = 0
    ) -> bool:
        """Fire the deadlines that go before the event; whether the run has ended by that."""
        for _ in range(AHEAD):
            due = deadline_before(self.subject, self.snapshot, event, now_ms, turn_ms)
            if due is None or find_hold(interpreters.catalog, self.snapshot, due) is not None:
                return False
            self.fire(interpreters, limits, due, now_ms)
            if self.snapshot.ended:
                return True
        return False

    def _hold(self, interpreters: Interpreters, limits: Limits, held: Held) -> str:
        full = len(self.held) >= limits.waiting
        numbered = held.reason == Hold.SEQUENCE.value and self.snapshot.joining is None
        joins = held.reason == Hold.PARENT.value
        if full and not (numbered or joins or is_deadline(held.event) or _is_own(held.event)):
            why = f"too many events wait for {self.subject} (LONGSPAN_WAITING_LIMIT)"
            if is_message(held.event):
                self.changes.messages += answer_unheard(held.event, why)
                if held.event.type == CHILD_STARTED:
                    return "told"
            detail = f"{limits.waiting} events wait for workflow {self.subject} already"
            return self.bury(Dead(held.event, held.reason, "subject", detail))
        self.held.add(held)
        self.changes.held.append(held)
        self.snapshot.waiting = len(self.held)
        if joins:
            self._ask_parent(interpreters, limits, held.event, held.since_ms)
        if full and numbered:
            self.release(interpreters, limits, held.since_ms)
            size, turn_ms = len(self.held), arrival_ns(held.event, held.since_ms, self.snapshot) // 1_000_000
            while len(self.held) == size and self.held.oldest_ms(Hold.SEQUENCE) is not None:
                self._pass_gap(interpreters, limits, held.since_ms, turn_ms)
        return held.reason

    def _pass_gap(self, interpreters: Interpreters, limits: Limits, now_ms: int, turn_ms: int) -> None:
        """Apply the lowest waiting number although earlier ones are missing, since `turn_ms`; unless the run ended."""
        ticket = self.held.lowest(self.snapshot)
        assert ticket is not None, "an event waits for its number"
        if self._give_way(interpreters, limits, self.held[ticket].event, now_ms, turn_ms):
            self.release(interpreters, limits, now_ms)
            return
        snapshot, event = self.snapshot, self.held.take(ticket).event
        first, last = expected_sequence(snapshot), (event.sequence or 0) - 1
        snapshot.gaps = [*snapshot.gaps, (first, last)][-GAPS:]
        snapshot.sequence = last
        self.changes.rewrite_held = True
        missing = f"sequence {first}" if first == last else f"sequence {first} to {last}"
        self.apply(interpreters, limits, event, recollection.digest(event), now_ms, f"{missing} never came")
        self.release(interpreters, limits, now_ms)

    def begin_unplaced(self, interpreters: Interpreters, limits: Limits, now_ms: int) -> None:
        """Let the start that waits for its parent begin without a place, as a run did that was recorded before any."""
        ticket = None if self.snapshot.joining is None else self.held.find(self.snapshot.joining)
        if ticket is not None:
            event, self.snapshot.joining = self.held.take(ticket).event, None
            self.changes.rewrite_held = True
            self.apply(interpreters, limits, event, recollection.digest(event), now_ms)
            self.release(interpreters, limits, now_ms)

    def _ask_parent(self, interpreters: Interpreters, limits: Limits, start: Event, now_ms: int) -> None:
        """Ask the parent of a start, which waits, where it stands."""
        snapshot, machine = self.snapshot, find_starter(interpreters.catalog, start)
        assert isinstance(machine, Machine), "what waits for its parent has its machine"
        snapshot.joining = start.source, start.id
        if start.parent == self.subject:
            self._begin_at(interpreters, limits, stand_alone(self.subject, "a workflow is no part of itself"), now_ms)
        else:
            self.changes.messages.append(ask_parent(start, machine.name, snapshot.run + 1))

    def _join(self, interpreters: Interpreters, limits: Limits, event: Event, now_ms: int) -> str:
        """Take the parent's answer; `duplicate` where no start waits for it."""
        snapshot, joined = self.snapshot, decode_joined(event.data or "")
        ticket = None if snapshot.joining is None else self.held.find(snapshot.joining)
        if ticket is None or joined.run != snapshot.run + 1 or self.held[ticket].event.parent != joined.place.parent:
            return "duplicate"
        self._begin_at(interpreters, limits, joined.place, now_ms)
        return "told"

    def _begin_alone(self, interpreters: Interpreters, limits: Limits, now_ms: int) -> None:
        ticket = None if self.snapshot.joining is None else self.held.find(self.snapshot.joining)
        if ticket is not None:
            parent = self.held[ticket].event.parent or ""
            self._begin_at(interpreters, limits, stand_alone(parent, waited_in_vain(parent, limits)), now_ms)

    def _begin_at(self, interpreters: Interpreters, limits: Limits, place: Place, now_ms: int) -> None:
        """Let the start that waits for its parent begin, in its place."""
        snapshot = self.snapshot
        ticket = None if snapshot.joining is None else self.held.find(snapshot.joining)
        if ticket is not None:
            self.held.replace(ticket, msgspec.structs.replace(self.held[ticket].event, place=place))
            self.changes.rewrite_held = True
        snapshot.joining = None
        self.release(interpreters, limits, now_ms)


def _joins(interpreters: Interpreters, snapshot: Snapshot, event: Event) -> bool:
    """Whether it is a start that has to ask its parent first."""
    try:
        return event.parent is not None and find_hold(interpreters.catalog, snapshot, event) is Hold.PARENT
    except AmbiguousMachineError:
        return False


def _is_own(event: Event) -> bool:
    """Whether it is a message of which there are few, whatever producers do."""
    return is_message(event) and not is_of_child(event)
