"""One workflow in a test: machines from text, events in one line each, and what became of them."""

import json
from collections.abc import Mapping
from textwrap import dedent

import msgspec

from machines.catalog import Catalog
from machines.changes import Dead, Held, Limits
from machines.documents import read_document
from machines.events import Event
from machines.journal import Header, Record, decode_journal
from machines.machine import Machine
from machines.run import Interpreters
from machines.snapshot import Snapshot, decode_snapshot, encode_snapshot
from machines.workflow import Workflow

SECOND_NS = 10**9
START_NS = 1_800_000_000 * SECOND_NS
START_MS = START_NS // 1_000_000

DOOR = """
    machine: door
    starts_on: [com.x.built]
    attributes: [colour]
    outcomes: {torn_down: ok, burnt: error}
    chart:
      states:
        closed:
          transitions: [{event: open, target: opened}, {event: tear_down, target: torn_down}]
        opened:
          transitions: [{event: close, target: closed}, {event: burn, target: burnt}]
        torn_down: {final: true}
        burnt: {final: true}
"""

_encode_held = msgspec.msgpack.Encoder().encode
_decode_held = msgspec.msgpack.Decoder(Held).decode


def make_machine(text: str) -> Machine:
    """The machine of a YAML text, which may be indented."""
    return read_document(dedent(text), "yaml", "test.yaml")


def make_event(
    event_type: str,
    *,
    id: str | None = None,
    source: str = "",
    at: float = 0,
    machine: str | None = None,
    data: Mapping[str, object] | None = None,
    sequence: int | None = None,
    parent: str | None = None,
    arrived: float | None = None,
) -> Event:
    """An event `at` seconds after START_NS, which arrived `arrived` seconds after it, or long before unless given.

    Its id is its type and time unless given.
    """
    arrived_ms = 1 if arrived is None else START_MS + round(arrived * 1_000)
    return Event(
        id=id or f"{event_type}@{at}",
        source=source,
        type=event_type,
        subject="wf",
        machine=machine,
        time_ns=START_NS + round(at * SECOND_NS),
        data=None if data is None else json.dumps(data),
        position=f"{arrived_ms}-0",
        sequence=sequence,
        parent=parent,
    )


class Folding:
    """The workflow `wf`, and everything that would have been committed of it.

    With `stored`, it goes through its stored form after every event, as after a crash or in another worker.
    """

    def __init__(
        self, *machines: Machine, limits: Limits | None = None, remember: bool = True, stored: bool = False
    ) -> None:
        self.limits = limits or Limits()
        self.workflow = Workflow("wf")
        self.now_ms = 0
        self.dead: list[Dead] = []
        self.exports: list[tuple[int, int, bool]] = []
        self._remember = remember
        self._stored = stored
        self._journals: dict[int, list[bytes]] = {}
        self._held: list[bytes] = []
        self._pages: list[bytes] = []
        self.load(*machines)

    @property
    def snapshot(self) -> Snapshot:
        """The folded state."""
        return self.workflow.snapshot

    @property
    def states(self) -> list[str]:
        """Paths of the active states that are not final."""
        return sorted(self.snapshot.states)

    @property
    def waiting(self) -> list[tuple[str, str]]:
        """Type and reason of each event that waits."""
        return [(held.event.type, held.reason) for held in self.workflow.held]

    def load(self, *machines: Machine) -> None:
        """Replace the catalog, as a restart with other documents does."""
        self.interpreters = Interpreters(Catalog(machines), remember=self._remember)

    def send(self, event_type: str, **attributes: object) -> str:
        """Send an event made by `make_event`; what became of it."""
        return self.receive(make_event(event_type, **attributes))  # type: ignore[arg-type]  # checked by the call

    def receive(self, event: Event) -> str:
        """Send an event; what became of it."""
        result = self.workflow.receive(self.interpreters, self.limits, event, self.now_ms)
        self._commit()
        return result

    def arrive(self, event_type: str, arrived: float, **attributes: object) -> str:
        """Send an event that arrives, and unless `at` says otherwise happened, so long after START_NS."""
        self.now_ms = max(self.now_ms, START_MS + round(arrived * 1_000))
        return self.send(event_type, **{"at": arrived, "arrived": arrived} | attributes)

    def fire(self) -> str:
        """Send the event of the earliest deadline; what became of it."""
        due = self.workflow.due_deadline()
        assert due is not None, "no deadline is set"
        return self.receive(due)

    def expire(self, now_ms: int) -> None:
        """Let time pass until `now_ms` and give up on what has waited too long."""
        self.now_ms = now_ms
        self.workflow.expire(self.interpreters, self.limits, now_ms)
        self._commit()

    def release(self) -> None:
        """Apply what can be applied now."""
        self.workflow.release(self.interpreters, self.limits, self.now_ms)
        self._commit()

    def journal(self, run: int | None = None) -> tuple[Header, list[Record]]:
        """Header and records of a run, the latest unless given."""
        return decode_journal(self._journals[run or self.snapshot.run], self.workflow.subject)

    def last(self) -> Record:
        """The last record of the latest run."""
        return self.journal()[1][-1]

    def told(self) -> list[tuple[str, str, list[str]]]:
        """Type, result and steps of each record of the latest run."""
        return [(record.event.type, record.result, record.steps) for record in self.journal()[1]]

    def everything(self) -> tuple[object, ...]:
        """All that two foldings of the same events must agree on."""
        dead = [(dead.event.id, dead.reason, dead.detail) for dead in self.dead]
        held = [(held.event.id, held.reason) for held in self.workflow.held]
        return encode_snapshot(self.snapshot), self._journals, dead, held, list(self.workflow.pages)

    def _commit(self) -> None:
        changes = self.workflow.take()
        for run, entry in changes.journal:
            self._journals.setdefault(run, []).append(entry)
        self.dead += changes.dead
        self.exports += changes.exports
        if changes.rewrite_held:
            self._held = [_encode_held(held) for held in self.workflow.held]
        else:
            self._held += [_encode_held(held) for held in changes.held]
        before = self._pages[:-1] if changes.regrown else self._pages
        self._pages = [*before, *changes.pages][-len(self.workflow.pages) :] if self.workflow.pages else []
        if self._stored:
            snapshot = decode_snapshot(encode_snapshot(self.snapshot))
            self.workflow = Workflow("wf", snapshot, [_decode_held(held) for held in self._held], self._pages)
