"""A workflow in memory: takes events one by one and collects what they change, to be committed as a whole."""

from collections import deque
from collections.abc import Iterable

import msgspec

from machines import recollection
from machines.admission import (
    GAPS,
    AmbiguousMachineError,
    Hold,
    expected_sequence,
    find_hold,
    find_starter,
    is_passed,
    take_number,
    was_given_up,
)
from machines.changes import Changes, Dead, Held, Limits
from machines.events import Event
from machines.journal import Record, encode_entry
from machines.machine import Machine
from machines.run import Interpreters, StartError, advance, begin, note_late, reject
from machines.snapshot import Snapshot
from machines.timeouts import deadline_key, earliest_deadline, is_deadline, is_running


class Workflow:
    """The workflow of one id. `changes` grows with each event until `take` hands it over."""

    __slots__ = ("changes", "held", "pages", "snapshot", "subject")

    def __init__(
        self,
        subject: str,
        snapshot: Snapshot | None = None,
        held: Iterable[Held] = (),
        pages: Iterable[bytes] = (),
    ) -> None:
        self.subject = subject
        self.snapshot = snapshot or Snapshot()
        self.held = list(held)
        self.pages = deque(pages, recollection.PAGES)
        self.changes = Changes()

    def receive(self, interpreters: Interpreters, limits: Limits, event: Event, now_ms: int) -> str:
        """Take one event; what became of it: applied, rejected, late, duplicate, dead, or the reason why it waits."""
        mark = recollection.digest(event)
        if is_deadline(event):
            if not is_running(self.snapshot, event):
                return "duplicate"
        elif recollection.contains(self.snapshot.seen, self.pages, mark):
            return "duplicate"
        if self.held:
            if any(held.event.identity == event.identity for held in self.held):
                return "duplicate"
            self.release(interpreters, limits, now_ms)  # a machine may have been loaded since
        try:
            hold = find_hold(interpreters.catalog, self.snapshot, event)
        except AmbiguousMachineError as error:
            return self._bury(Dead(event, "ambiguous-machine", "machine", str(error)))
        if hold is not None:
            return self._hold(interpreters, limits, Held(event, hold.value, now_ms))
        result = self._apply(interpreters, limits, event, mark)
        if self.held:
            self.release(interpreters, limits, now_ms)
        return result

    def release(self, interpreters: Interpreters, limits: Limits, now_ms: int) -> None:
        """Apply every held event whose time has come; what waits for something else now, waits for that from now on."""
        while (ready := self._next_ready(interpreters, now_ms)) is not None:
            held = self.held.pop(ready)
            self.changes.rewrite_held = True
            self._apply(interpreters, limits, held.event, recollection.digest(held.event))
        self.snapshot.waiting = len(self.held)

    def expire(self, interpreters: Interpreters, limits: Limits, now_ms: int) -> None:
        """Give up on what has waited too long: early events become dead letters, gaps in a sequence are passed over."""
        self.release(interpreters, limits, now_ms)
        for held in [] if self._is_parked() else list(self.held):
            if held.reason == Hold.EARLY.value and held.since_ms + limits.early_wait_ms <= now_ms:
                self.held.remove(held)
                self.changes.rewrite_held = True
                detail = f"no event started workflow {self.subject} in time"
                self._bury(Dead(held.event, Hold.EARLY.value, "subject", detail))
        while any(
            held.reason == Hold.SEQUENCE.value and held.since_ms + limits.reorder_wait_ms <= now_ms
            for held in self.held
        ):
            self._pass_gap(interpreters, limits, now_ms)
        self.snapshot.waiting = len(self.held)

    def expires_ms(self, limits: Limits) -> int | None:
        """When `expire` has something to do next, or None."""
        waits = {Hold.SEQUENCE.value: limits.reorder_wait_ms}
        if not self._is_parked():
            waits[Hold.EARLY.value] = limits.early_wait_ms
        return min((held.since_ms + waits[held.reason] for held in self.held if held.reason in waits), default=None)

    def due_deadline(self) -> Event | None:
        """The event of the earliest deadline, or None where there is none."""
        return earliest_deadline(self.subject, self.snapshot)

    def export_part(self) -> None:
        """Send what the run has closed so far ahead of its end."""
        self.changes.exports.append((self.snapshot.run, self.snapshot.entries, False))
        self.snapshot.pending_spans = self.snapshot.pending_bytes = 0

    def take(self) -> Changes:
        """The changes since the last call; a run that is sent as it goes is to be exported up to here."""
        snapshot = self.snapshot
        if snapshot.progressive and self.changes.journal and not snapshot.ended:
            self.export_part()
        changes, self.changes = self.changes, Changes()
        return changes

    def _is_parked(self) -> bool:
        """Whether an event waits for a machine: it may be the start that early events wait for."""
        return any(held.reason == Hold.MACHINE.value for held in self.held)

    def _next_ready(self, interpreters: Interpreters, now_ms: int) -> int | None:
        for index, held in enumerate(self.held):
            try:
                hold = find_hold(interpreters.catalog, self.snapshot, held.event)
            except AmbiguousMachineError:
                return index  # it cannot be applied, and `_apply` says so
            if hold is None:
                return index
            if hold.value != held.reason:
                self.held[index] = Held(held.event, hold.value, now_ms)
                self.changes.rewrite_held = True
        return None

    def _apply(
        self, interpreters: Interpreters, limits: Limits, event: Event, mark: bytes, note: str | None = None
    ) -> str:
        snapshot = self.snapshot
        if is_deadline(event):
            if not is_running(self.snapshot, event):
                return "duplicate"
            del snapshot.deadlines[deadline_key(event)]
        if snapshot.status != "waiting" and not snapshot.ended:
            return self._advance(interpreters, limits, event, mark, note)
        try:
            starter = find_starter(interpreters.catalog, event)
        except AmbiguousMachineError as error:
            return self._bury(Dead(event, "ambiguous-machine", "machine", str(error)))
        if snapshot.ended and not (isinstance(starter, Machine) and event.type in starter.starts_on):
            return self._journal(limits, _with_note(note_late(snapshot, event), note), mark)
        assert isinstance(starter, Machine), "what find_hold lets pass has its machine"
        try:
            header, record = begin(starter, interpreters.of(starter), snapshot, event)
        except StartError as error:
            return self._bury(Dead(event, "start-failed", "machine", str(error)))
        self.changes.journal.append((snapshot.run, encode_entry(header)))
        return self._journal(limits, _with_note(record, note), mark)

    def _advance(self, interpreters: Interpreters, limits: Limits, event: Event, mark: bytes, note: str | None) -> str:
        snapshot = self.snapshot
        machine = interpreters.catalog.get(snapshot.machine, snapshot.version)
        assert machine is not None, "what find_hold lets pass has its machine"
        if not is_passed(snapshot, event):
            record = advance(machine, interpreters.of(machine), snapshot, event)
            if event.sequence is not None:
                take_number(snapshot, event.sequence)
        elif was_given_up(snapshot, event):
            record = reject(snapshot, event, f"sequence {event.sequence} came after its turn")
        else:
            return "duplicate"
        return self._journal(limits, _with_note(record, note), mark)

    def _journal(self, limits: Limits, record: Record, mark: bytes) -> str:
        snapshot, changes = self.snapshot, self.changes
        snapshot.seen, page = recollection.remember(snapshot.seen, mark)
        if page is not None:
            self.pages.append(page)
            changes.pages.append(page)
            snapshot.pages = len(self.pages)
        entry = encode_entry(record)
        snapshot.pending_bytes += len(entry)
        changes.journal.append((snapshot.run, entry))
        if record.outcome is not None:
            changes.exports.append((snapshot.run, snapshot.entries, True))
        elif record.result != "late" and (
            snapshot.pending_spans >= limits.part_spans or snapshot.pending_bytes >= limits.part_bytes
        ):
            self.export_part()
        return record.result

    def _hold(self, interpreters: Interpreters, limits: Limits, held: Held) -> str:
        full = len(self.held) >= limits.waiting
        numbered = held.reason == Hold.SEQUENCE.value
        if full and not numbered and not is_deadline(held.event):
            detail = f"{limits.waiting} events wait for workflow {self.subject} already"
            return self._bury(Dead(held.event, held.reason, "subject", detail))
        self.held.append(held)
        self.changes.held.append(held)
        self.snapshot.waiting = len(self.held)
        if full and numbered:
            self._pass_gap(interpreters, limits, held.since_ms)
        return held.reason

    def _pass_gap(self, interpreters: Interpreters, limits: Limits, now_ms: int) -> None:
        """Apply the lowest waiting number although earlier ones are missing."""
        snapshot = self.snapshot
        held = min(
            (held for held in self.held if held.reason == Hold.SEQUENCE.value),
            key=lambda held: held.event.sequence or 0,
        )
        first, last = expected_sequence(snapshot), (held.event.sequence or 0) - 1
        snapshot.gaps = [*snapshot.gaps, (first, last)][-GAPS:]
        snapshot.sequence = last
        self.held.remove(held)
        self.changes.rewrite_held = True
        missing = f"sequence {first}" if first == last else f"sequence {first} to {last}"
        self._apply(interpreters, limits, held.event, recollection.digest(held.event), f"{missing} never came")
        self.release(interpreters, limits, now_ms)

    def _bury(self, dead: Dead) -> str:
        self.changes.dead.append(dead)
        return "dead"


def _with_note(record: Record, note: str | None) -> Record:
    if note is None:
        return record
    return msgspec.structs.replace(record, reason=f"{record.reason}; {note}" if record.reason else note)
