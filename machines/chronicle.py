"""What a workflow has lived through: an event that is applied changes its snapshot and leaves a record."""

from collections.abc import Iterable

from machines import recollection
from machines.admission import AmbiguousMachineError, find_starter, is_passed, take_number, was_given_up
from machines.changes import Changes, Dead, Limits
from machines.events import Event
from machines.family import hear_child, is_carried, take_leave
from machines.interpreter import FAULTS
from machines.journal import Header, Record, encode_entry, encode_record
from machines.kinship import concerns, find_done
from machines.machine import Machine
from machines.messages import CHILD_RELEASED, SOURCE, decode_released, is_message, is_of_child
from machines.redrive import is_settled, redrive
from machines.run import Interpreters, StartError, add_reason, advance, begin, note_late, reject
from machines.snapshot import Snapshot, decode_snapshot, encode_snapshot
from machines.timeouts import (
    cancel_deadline,
    deadline_event,
    deadline_key,
    earliest_deadline,
    is_deadline,
    is_running,
)

CIRCLES = 100  # rules that come true by one event: a chart may enter a state again by what the state has waited for


class Chronicle:
    """Snapshot and journal of one workflow id. `changes` grows with each event until `take` hands it over."""

    __slots__ = ("changes", "pages", "snapshot", "subject")

    def __init__(self, subject: str, snapshot: Snapshot | None = None, pages: Iterable[bytes] = ()) -> None:
        self.subject = subject
        self.snapshot = snapshot or Snapshot()
        self.pages = recollection.Pages(pages)
        self.changes = Changes()

    def due_deadline(self) -> Event | None:
        """The event of the earliest deadline, or None where there is none."""
        return earliest_deadline(self.subject, self.snapshot)

    def export_part(self) -> None:
        """Send what the run has closed so far ahead of its end."""
        self.changes.exports.append((self.snapshot.run, self.snapshot.entries, False))
        self.snapshot.pending_spans = self.snapshot.pending_bytes = 0
        self.snapshot.in_parts = not self.snapshot.progressive

    def take(self) -> Changes:
        """The changes since the last call; a run that is sent as it goes is to be exported up to here."""
        snapshot = self.snapshot
        if snapshot.progressive and self.changes.journal and not snapshot.ended:
            self.export_part()
        changes, self.changes = self.changes, Changes()
        return changes

    def apply(
        self,
        interpreters: Interpreters,
        limits: Limits,
        event: Event,
        mark: bytes,
        now_ms: int,
        note: str | None = None,
    ) -> str:
        """Apply an event that nothing holds back; what became of it: applied, rejected, late, duplicate or dead."""
        snapshot = self.snapshot
        if is_settled(snapshot.seen, self.pages, event):
            return "duplicate"
        if is_deadline(event):
            return self.fire(interpreters, limits, event, now_ms) if is_running(snapshot, event) else "duplicate"
        if event.source == SOURCE and is_message(event):
            return self._hear(interpreters, limits, event, mark, now_ms)
        if snapshot.status != "waiting" and not snapshot.ended:
            return self._advance(interpreters, limits, event, mark, now_ms, note)
        try:
            starter = find_starter(interpreters.catalog, event)
        except AmbiguousMachineError as error:
            return self.bury(Dead(event, "ambiguous-machine", "machine", str(error)))
        if snapshot.ended and not (isinstance(starter, Machine) and event.type in starter.starts_on):
            return self.journal(limits, _with_note(note_late(snapshot, event), note), mark)
        assert isinstance(starter, Machine), "what find_hold lets pass has its machine"
        try:
            header, record = begin(starter, interpreters.of(starter), snapshot, event, now_ms)
        except StartError as error:
            return self.bury(Dead(event, "start-failed", "machine", str(error)))
        self.changes.journal.append((snapshot.run, self.write(header)))
        result = self.journal(limits, _with_note(record, note), mark)
        self._look_after(interpreters, limits, starter, event.time_ns, now_ms)
        return result

    def fire(self, interpreters: Interpreters, limits: Limits, event: Event, now_ms: int) -> str:
        """Apply a deadline that is set; what became of it: applied, rejected or dead."""
        key, kept = deadline_key(event), encode_snapshot(self.snapshot)
        event = deadline_event(self.subject, self.snapshot, key)
        try:
            return self._advance(interpreters, limits, event, recollection.digest(event), now_ms)
        except FAULTS as error:
            # Not the fault of the event that gives way: were it to fail here, so would all that come after it.
            self.snapshot = decode_snapshot(kept)
            cancel_deadline(self.snapshot, key)
            return self.bury(Dead(event, "internal-error", "subject", f"{type(error).__name__}: {error}"))

    def write(self, entry: Header | Record) -> bytes:
        """A journal entry as it is stored."""
        return encode_record(entry) if isinstance(entry, Record) and self.snapshot.brief else encode_entry(entry)

    def bury(self, dead: Dead) -> str:
        """Set an event aside."""
        self.changes.dead.append(dead)
        return "dead"

    def _advance(
        self,
        interpreters: Interpreters,
        limits: Limits,
        event: Event,
        mark: bytes,
        now_ms: int,
        note: str | None = None,
    ) -> str:
        snapshot = self.snapshot
        machine = interpreters.catalog.get(snapshot.machine, event.redriven_to or snapshot.version)
        assert machine is not None, "what find_hold lets pass has its machine"
        if event.redriven_to is not None:
            record = redrive(interpreters, snapshot, event, now_ms)
            if record.result == "applied":
                mark = recollection.settlement(event)
        elif not is_passed(snapshot, event):
            record = advance(machine, interpreters.of(machine), snapshot, event, now_ms)
            if event.sequence is not None:
                take_number(snapshot, event.sequence)
        elif was_given_up(snapshot, event):
            record = reject(snapshot, event, f"sequence {event.sequence} came after its turn")
        else:
            return "duplicate"
        result = self.journal(limits, _with_note(record, note), mark)
        self._look_after(interpreters, limits, machine, event.time_ns, now_ms)
        return result

    def _hear(self, interpreters: Interpreters, limits: Limits, event: Event, mark: bytes, now_ms: int) -> str:
        """Take a message; what became of it: applied, rejected, late, told (nothing is kept of it) or duplicate."""
        snapshot, changes = self.snapshot, self.changes
        if event.type == CHILD_RELEASED:
            released = decode_released(event.data or "")
            changes.exports.append((released.run, released.entries, True))
            return "told"
        machine = interpreters.catalog.get(snapshot.machine, snapshot.version)
        is_open = snapshot.status != "waiting" and not snapshot.ended
        if is_of_child(event):
            record, messages = hear_child(self.subject, snapshot, event, limits)
            changes.messages += messages
            result = self.journal(limits, record, mark)
            if is_open and machine is not None:
                self._look_after(interpreters, limits, machine, event.time_ns, now_ms)
            return result
        if not is_open or machine is None or not concerns(machine, snapshot, event):
            return "duplicate"
        return self._advance(interpreters, limits, event, mark, now_ms)

    def _look_after(
        self, interpreters: Interpreters, limits: Limits, machine: Machine, time_ns: int, now_ms: int
    ) -> None:
        """Tell the chart what has come true of the children that a state waits for, by an event of `time_ns`.

        At once, ahead of all that waits in the stream: so it does not depend on how many events are read together.
        """
        if not machine.children or machine.version != self.snapshot.version:
            return
        for _ in range(CIRCLES):
            done = None if self.snapshot.ended else find_done(self.subject, machine, self.snapshot, time_ns)
            if done is None:
                return
            kept = encode_snapshot(self.snapshot)
            try:
                record = advance(machine, interpreters.of(machine), self.snapshot, done, now_ms)
            except FAULTS as error:  # not the fault of the event that led to it
                self.snapshot = decode_snapshot(kept)
                self.bury(Dead(done, "internal-error", "subject", f"{type(error).__name__}: {error}"))
            else:
                self.journal(limits, record, recollection.digest(done))

    def journal(self, limits: Limits, record: Record, mark: bytes) -> str:
        """Keep what an event did; its result. `mark` stands for the event."""
        snapshot, changes, entry = self.snapshot, self.changes, self.write(record)
        snapshot.seen, portion = recollection.remember(snapshot.seen, mark)
        if portion is not None:
            changes.put_aside(self.pages, portion)
            snapshot.pages = len(self.pages)
        snapshot.pending_bytes += len(entry)
        changes.journal.append((snapshot.run, entry))
        if record.outcome is not None:
            if is_carried(snapshot):
                changes.carried.append(snapshot.run)
            else:
                changes.exports.append((snapshot.run, snapshot.entries, True))
            changes.messages += take_leave(self.subject, snapshot, record.outcome)
            lasted_ns = (snapshot.ended_ns or snapshot.started_ns) - snapshot.started_ns
            changes.endings.append((snapshot.machine, record.outcome, max(0, lasted_ns)))
        elif record.result != "late" and (
            snapshot.pending_spans >= limits.part_spans or snapshot.pending_bytes >= limits.part_bytes
        ):
            self.export_part()
        return record.result


def _with_note(record: Record, note: str | None) -> Record:
    return record if note is None else add_reason(record, note)
