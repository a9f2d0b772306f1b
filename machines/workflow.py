"""A workflow in memory: takes events one by one and collects what they change, to be committed as a whole."""

from collections.abc import Iterable

from machines import recollection
from machines.admission import GAPS, AmbiguousMachineError, Hold, expected_sequence, find_hold
from machines.changes import Dead, Held, Limits
from machines.chronicle import Chronicle
from machines.events import Event
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
        elif recollection.contains(self.snapshot.seen, self.pages, mark):
            return "duplicate"
        if self.held:
            if self.held.holds(event.identity):
                return "duplicate"
            self.release(interpreters, limits, now_ms)  # a machine may have been loaded since
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
        while (ticket := self.held.ready(interpreters.catalog, self.snapshot)) is not None:
            if self._give_way(interpreters, limits, self.held[ticket].event, now_ms):
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
        if not self.is_parked:
            for held in self.held.take_since(Hold.EARLY, now_ms - limits.early_wait_ms):
                self.changes.rewrite_held = True
                detail = f"no event started workflow {self.subject} in time"
                self.bury(Dead(held.event, Hold.EARLY.value, "subject", detail))
        while (since_ms := self.held.oldest_ms(Hold.SEQUENCE)) is not None:
            turn_ms = since_ms + limits.reorder_wait_ms
            if turn_ms > now_ms:
                break
            self._pass_gap(interpreters, limits, now_ms, turn_ms)
        self.snapshot.waiting = len(self.held)

    @property
    def is_parked(self) -> bool:
        """Whether an event waits for a machine: it may be the start that early events wait for."""
        return self.held.oldest_ms(Hold.MACHINE) is not None

    def expires_ms(self, limits: Limits) -> int | None:
        """When `expire` has something to do next, or None."""
        waits = [(Hold.SEQUENCE, limits.reorder_wait_ms)]
        if not self.is_parked:
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
        numbered = held.reason == Hold.SEQUENCE.value
        if full and not numbered and not is_deadline(held.event):
            detail = f"{limits.waiting} events wait for workflow {self.subject} already"
            return self.bury(Dead(held.event, held.reason, "subject", detail))
        self.held.add(held)
        self.changes.held.append(held)
        self.snapshot.waiting = len(self.held)
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
