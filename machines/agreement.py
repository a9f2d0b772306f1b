"""Whether a snapshot says what its journal says: what follows from the records alone, and from folding them again."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from machines.attributes import collect
from machines.changes import Limits
from machines.events import read_data
from machines.family import count_child, hear_child
from machines.interpreter import FAULTS
from machines.journal import Header, Record
from machines.messages import is_of_child
from machines.redrive import redrive
from machines.run import Interpreters, StartError, advance, begin, note_late, reject
from machines.snapshot import Snapshot
from machines.timeouts import is_deadline

_OUT_OF_TURN = "came after its turn"  # what the reason of an event ends with that never reached the chart


class Difference(NamedTuple):
    """What differs: a field of the snapshot, or an event of the journal by its number and id."""

    place: str
    journal: str
    other: str


class Agreement(NamedTuple):
    """`differences` between a journal and its snapshot. `folded` says how many records were folded again with the
    machines that are loaded: all of them, unless one was not there."""

    differences: list[Difference]
    records: int
    folded: int


def compare(snapshot: Snapshot, header: Header, records: Iterable[Record], interpreters: Interpreters) -> Agreement:
    """Compare a snapshot with the journal of its run, of which these are all the records. Reads them once."""
    told = _Told(header)
    again = _Again(header, interpreters)
    differences: list[Difference] = []
    count = 0
    for count, record in enumerate(records, 1):
        found = told.follow(count, record) or again.follow(count, record)
        if found is not None:
            differences.append(found)
            break
    else:
        differences += _against(told.fields(count), snapshot)
        if again.folded == count:
            differences += again.against(snapshot)
    return Agreement(differences, count, again.folded)


class _Told:
    """What follows from the records alone."""

    def __init__(self, header: Header) -> None:
        self.declared = header.attributes
        self.visits: dict[str, int] = {}
        self.expected = Snapshot(
            machine=header.machine,
            version=header.version,
            run=header.run,
            status="running",
            progressive=header.export == "progressive",
        )

    def follow(self, number: int, record: Record) -> Difference | None:
        """Take in a record; what is wrong with it where it contradicts the ones before it."""
        expected, event = self.expected, record.event
        if record.result == "late":
            return None
        if expected.ended:
            return Difference(_place(number, record), "is not late", "the run had ended")
        if number == 1:
            expected.started_ns, expected.parent, expected.place = event.time_ns, event.parent, event.place
        if record.version is not None:
            expected.version = record.version
            self.declared = self.declared if record.attributes is None else record.attributes
        expected.updated_ns = event.time_ns
        if is_of_child(event):
            expected.children = count_child(expected.children, event, record.reason)
            return None
        if record.result == "applied" and event.data:
            expected.attributes = {**expected.attributes, **collect(self.declared, read_data(event))}
        for step in record.steps:
            path, active = step[1:], step[1:] in expected.states
            if step[0] == "+":
                if active:
                    return Difference(_place(number, record), f"enters {path}", f"{path} is active already")
                expected.states[path] = event.time_ns
                self.visits[path] = self.visits.get(path, 0) + 1
            elif step[0] == "-":
                if not active:
                    return Difference(_place(number, record), f"leaves {path}", f"{path} is not active")
                del expected.states[path]
        if record.outcome is not None:
            expected.status, expected.ended_ns = record.outcome, event.time_ns
        return None

    def fields(self, records: int) -> Snapshot:
        """The snapshot that is to be expected after so many records."""
        self.expected.entries = records + 1
        self.expected.visits = self.visits
        return self.expected


_FOLLOWING = (
    "machine",
    "version",
    "run",
    "status",
    "entries",
    "started_ns",
    "updated_ns",
    "ended_ns",
    "states",
    "attributes",
    "parent",
    "progressive",
    "place",
    "visits",
    "children",
)


def _against(expected: Snapshot, snapshot: Snapshot) -> Iterator[Difference]:
    for name in _FOLLOWING:
        journal, stored = getattr(expected, name), getattr(snapshot, name)
        if journal != stored and (name, stored) != ("visits", None):  # a run that began before they were counted
            yield Difference(name, str(journal), str(stored))


class _Again:
    """The records' events, folded again as far as the machines are loaded."""

    def __init__(self, header: Header, interpreters: Interpreters) -> None:
        self.folded = 0
        self._header = header
        self._interpreters = interpreters
        self._snapshot = Snapshot(run=header.run - 1)
        self._lost = False  # a machine that is not loaded: what comes behind it cannot be folded either

    def follow(self, number: int, record: Record) -> Difference | None:
        """Fold an event; what differs where the machine that is loaded does not do what the record says."""
        if self._lost:
            return None
        try:
            found = self._fold(number, record)
        except (StartError, *FAULTS) as error:
            return Difference(_place(number, record), _effect(record), f"{type(error).__name__}: {error}")
        if found is None:
            self._lost = True
            return None
        self.folded += 1
        same = (found.result, found.steps, found.outcome) == (record.result, record.steps, record.outcome)
        return None if same else Difference(_place(number, record), _effect(record), _effect(found))

    def against(self, snapshot: Snapshot) -> Iterator[Difference]:
        """What the fold says of the chart, which the records do not tell."""
        folded = self._snapshot
        for name in ("configuration", "history", "variables"):
            again, stored = getattr(folded.situation, name), getattr(snapshot.situation, name)
            if again != stored:
                yield Difference(name, str(again), str(stored))
        # One that failed to fire is set no more, and has left no record.
        for key, due_ns in snapshot.deadlines.items():
            if folded.deadlines.get(key) != due_ns:
                yield Difference(f"deadlines.{key}", str(folded.deadlines.get(key)), str(due_ns))

    def _fold(self, number: int, record: Record) -> Record | None:
        snapshot, event, interpreters = self._snapshot, record.event, self._interpreters
        now_ms = event.time_ns // 1_000_000
        if number == 1:
            machine = interpreters.catalog.get(self._header.machine, self._header.version)
            return None if machine is None else begin(machine, interpreters.of(machine), snapshot, event, now_ms)[1]
        if record.result == "late":
            return note_late(snapshot, event)
        if record.result == "rejected" and record.reason and _OUT_OF_TURN in record.reason:
            return reject(snapshot, event, record.reason)
        if is_of_child(event):
            return hear_child(event.subject, snapshot, event, Limits())[0]
        version = event.redriven_to or snapshot.version
        machine = interpreters.catalog.get(snapshot.machine, version)
        if machine is None:
            return None
        if event.redriven_to is not None and not is_deadline(event):
            return redrive(interpreters, snapshot, event, now_ms)
        return advance(machine, interpreters.of(machine), snapshot, event, now_ms)


def _place(number: int, record: Record) -> str:
    return f"event {number} ({record.event.id})"


def _effect(record: Record) -> str:
    return " ".join([record.result, *record.steps, *([record.outcome] if record.outcome else [])])
