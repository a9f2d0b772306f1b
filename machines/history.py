"""One workflow of a file, folded anew in virtual time: the time that its events tell, and no other."""

from dataclasses import dataclass

import msgspec

from machines.admission import Hold
from machines.catalog import Catalog
from machines.changes import Changes, Dead, Limits
from machines.events import REDRIVE, Event
from machines.folded import Folded, Run
from machines.instants import LATEST_NS
from machines.journal import Header, Record
from machines.messages import CHILDREN_DONE, MESSAGE_POSITION
from machines.recorded_line import Fate, Line
from machines.run import Interpreters
from machines.snapshot import Snapshot
from machines.timeouts import is_own

_LIMITS = Limits(part_spans=2**62, part_bytes=2**62)
_RECORDED = Limits(part_spans=2**62, part_bytes=2**62, reorder_wait_ms=0)  # a gap in a recording was waited for


@dataclass(slots=True)
class Departure:
    """Where a fold went another way than was recorded: what was recorded of an event, and what it did now."""

    recorded: Record
    now: list[Record]


class Machines:
    """The machines that events are folded with. `as_recorded` prefers the version that a run was recorded with, where
    it is loaded; otherwise every run starts on the latest."""

    def __init__(self, catalog: Catalog, *, as_recorded: bool = True) -> None:
        self.interpreters = Interpreters(catalog)
        self._as_recorded = as_recorded
        self._pinned: dict[tuple[str, int], Interpreters] = {}

    def starting(self, header: Header) -> Interpreters:
        """Those that begin a run which was recorded with this header."""
        key = header.machine, header.version
        catalog = self.interpreters.catalog
        machine = catalog.get(*key) if self._as_recorded else None
        if machine is None or machine is catalog.latest(header.machine):
            return self.interpreters
        if key not in self._pinned:
            self._pinned[key] = Interpreters(catalog.pinned(*key))
        return self._pinned[key]


class History:
    """One workflow, folded by one set of machines.

    `dead` are events that could not be applied, `messages` what it has to say to others. `departures` counts where
    the fold went another way than was recorded; `departure` is the first.
    """

    __slots__ = ("_ahead", "_machines", "_now_ms", "_workflow", "dead", "departure", "departures", "messages")

    def __init__(self, subject: str, machines: Machines) -> None:
        self._workflow = Folded(subject)
        self._ahead: list[Record] = []  # records that the last event led to, and that the recording tells next
        self._machines = machines
        self._now_ms = 0
        self.dead: list[Dead] = []
        self.messages: list[Event] = []
        self.departures = 0
        self.departure: Departure | None = None

    @property
    def subject(self) -> str:
        """The workflow's id."""
        return self._workflow.subject

    @property
    def snapshot(self) -> Snapshot:
        """Where the workflow stands."""
        return self._workflow.snapshot

    @property
    def late(self) -> int:
        """How many events came after an end."""
        return self._workflow.late

    @property
    def idle(self) -> bool:
        """Whether no run is open."""
        snapshot = self._workflow.snapshot
        return snapshot.ended_ns is not None or snapshot.status == "waiting"

    @property
    def runs(self) -> list[Run]:
        """The runs, oldest first, from the first that nobody has taken. The last may be open."""
        return self._workflow.runs

    def take_ended(self) -> list[Run]:
        """The runs that have ended since the last call. What comes late for them is not kept."""
        workflow = self._workflow
        taken = [run for run in workflow.runs if run.ended]
        if taken:
            workflow.runs = [run for run in workflow.runs if not run.ended]
        return taken

    def feed(self, line: Line) -> None:
        """Take the next event of the workflow. What a recording says of deadlines says when they fired."""
        fate, event, workflow = line.fate, line.event, self._workflow
        if fate is not None and self._ahead and event.id == self._ahead[0].event.id:
            workflow.news[:] = [self._ahead.pop(0)]  # what the event before has led to
            self._compare(fate.record)
        elif fate is not None:
            self._repeat(event, fate)
        else:
            now_ms = event.time_ns // 1_000_000
            if now_ms < self._now_ms:  # time never goes back: what the file tells late has come late
                now_ms = self._now_ms
            self._now_ms = now_ms
            if workflow.held:
                self._expire(now_ms)
            workflow.receive(self._machines.interpreters, _LIMITS, event, now_ms)
            workflow.news.clear()
        self._collect()
        if fate is not None:
            self.messages.clear()  # what was recorded says which came

    def hear(self, message: Event) -> None:
        """Take a message of another workflow of the file."""
        self._now_ms = max(self._now_ms, message.time_ns // 1_000_000)
        self._expire(self._now_ms)
        self._workflow.receive(self._machines.interpreters, _LIMITS, message, self._now_ms)
        self._collect()

    def run_out(self, horizon_ns: int) -> None:
        """No more comes: what waits, waits in vain, and deadlines fire that are due until `horizon_ns`."""
        self._expire(LATEST_NS)
        interpreters, workflow = self._machines.interpreters, self._workflow
        while (due := workflow.due_deadline()) is not None and due.time_ns <= horizon_ns:
            self._now_ms = max(self._now_ms, due.time_ns // 1_000_000)
            workflow.receive(interpreters, _LIMITS, due, self._now_ms)
        self._collect()

    def give_up(self) -> None:
        """What waits still becomes dead letters."""
        workflow = self._workflow
        for held in workflow.held:
            if is_own(held.event):
                continue
            detail = f"no event started workflow {workflow.subject}"
            if held.reason != "early":
                detail = f"{held.event.machine or workflow.snapshot.machine} is not among the machines given"
            self.dead.append(Dead(held.event, held.reason, "subject", detail))

    def _repeat(self, event: Event, fate: Fate) -> None:
        """Take an event that was recorded: its turn was decided, so it comes now whatever its number says."""
        workflow, interpreters = self._workflow, self._machines.interpreters
        if self._ahead:
            self._depart(fate.record, self._ahead)
            self._ahead = []
        workflow.news.clear()
        if fate.header is not None:
            snapshot = workflow.snapshot
            if self.idle and snapshot.run < fate.run:
                snapshot.run = fate.run - 1  # the file begins in the middle of the workflow's life
            interpreters = self._machines.starting(fate.header)
            if event.machine is None:
                event = msgspec.structs.replace(event, machine=fate.header.machine)
        elif event.redriven_to is not None:
            redriven = self._redrive(event)
            if redriven is None:
                self._compare(fate.record)
                return
            event = redriven
        self._now_ms = max(self._now_ms, arrived_ns(event) // 1_000_000)
        result = workflow.receive(interpreters, _RECORDED, event, self._now_ms)
        if result == Hold.SEQUENCE.value:
            workflow.expire(interpreters, _RECORDED, self._now_ms)
        elif result == Hold.PARENT.value:
            workflow.begin_unplaced(interpreters, _RECORDED, self._now_ms)
        self._compare(fate.record)

    def _collect(self) -> None:
        workflow, changes = self._workflow, self._workflow.changes
        if changes.endings or changes.dead or changes.messages:
            self.dead += changes.dead
            self.messages += changes.messages
            workflow.changes = Changes()

    def _redrive(self, event: Event) -> Event | None:
        """A redriven event as these machines can take it; None where they have taken it before."""
        if (event.source, event.id) not in self._workflow.rejected:
            return None
        snapshot, catalog = self._workflow.snapshot, self._machines.interpreters.catalog
        if catalog.get(snapshot.machine, event.redriven_to or 0) is not None:
            return event
        return msgspec.structs.replace(event, extensions={**(event.extensions or {}), REDRIVE: str(snapshot.version)})

    def _compare(self, recorded: Record) -> None:
        now = self._workflow.news
        own = [record for record in now[1:] if record.event.type == CHILDREN_DONE]
        if len(now) == 1 + len(own):
            self._ahead += own
            record = now[0]
            if (
                record.steps == recorded.steps
                and record.result == recorded.result
                and record.outcome == recorded.outcome
                and record.event.id == recorded.event.id
            ):
                return
        self._depart(recorded, list(now))

    def _depart(self, recorded: Record, now: list[Record]) -> None:
        self.departures += 1
        self.departure = self.departure or Departure(recorded, now)

    def _expire(self, until_ms: int) -> None:
        workflow, interpreters = self._workflow, self._machines.interpreters
        while (due_ms := workflow.expires_ms(_LIMITS)) is not None and due_ms <= until_ms:
            workflow.expire(interpreters, _LIMITS, max(due_ms, self._now_ms))


def arrived_ns(event: Event) -> int:
    """When an event arrived as its recording says, or else when it happened."""
    milliseconds = event.position.removeprefix(MESSAGE_POSITION).partition("-")[0]
    return int(milliseconds) * 1_000_000 if milliseconds.isdecimal() else event.time_ns
