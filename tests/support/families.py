"""Workflows of several levels in a test, with messages that go from one to another in any order that can be."""

import json
import random
from collections import deque
from collections.abc import Mapping
from zlib import crc32

import msgspec

from machines.catalog import Catalog
from machines.changes import Limits
from machines.events import Event
from machines.journal import Header, Record, decode_journal
from machines.machine import Machine
from machines.messages import decode_parent_ended, deliver, is_broadcast
from machines.run import Interpreters
from machines.snapshot import Snapshot, decode_snapshot, encode_snapshot
from machines.workflow import Workflow
from tests.support.folding import SECOND_NS, START_MS, START_NS

PARTITIONS = 3


class Families:
    """Workflows by id, folded as the workers of several partitions do, and the messages that are on their way.

    Of one partition to another they come in order; those of different ones in the order that `choose` takes.
    """

    def __init__(self, *machines: Machine, limits: Limits | None = None, choose: random.Random | None = None) -> None:
        self.interpreters = Interpreters(Catalog(machines))
        self.limits = limits or Limits()
        self.now_ms = START_MS
        self.journals: dict[tuple[str, int], list[bytes]] = {}
        self.exports: list[tuple[str, int, int, bool]] = []
        self.carried: list[tuple[str, int]] = []
        self.sent: list[Event] = []
        self.dead: list[tuple[str, str]] = []
        self._workflows: dict[str, Workflow] = {}
        self._queues: dict[tuple[int, int], deque[Event]] = {}
        self._choose = choose or random.Random(1)
        self._numbers = 0

    def send(
        self,
        subject: str,
        name: str,
        *,
        at: float = 0,
        parent: str | None = None,
        data: Mapping[str, object] | None = None,
    ) -> str:
        """Send an event of a producer, `at` seconds after START_NS; what became of it. Messages wait."""
        self._numbers += 1
        time_ns = START_NS + round(at * SECOND_NS)
        text = None if data is None else json.dumps(data)
        position = f"{START_MS}-{self._numbers}"
        event = Event(f"e-{self._numbers}", "", f"com.x.{name}", subject, None, time_ns, text, position, parent=parent)
        return self.receive(subject, event)

    def receive(self, subject: str, event: Event) -> str:
        """Fold an event; what became of it."""
        workflow = self.workflow(subject)
        result = workflow.receive(self.interpreters, self.limits, event, self.now_ms)
        self._commit(subject)
        return result

    def pass_ms(self, ms: int) -> None:
        """Let time pass, and waits end."""
        self.now_ms += ms
        for subject, workflow in list(self._workflows.items()):
            workflow.expire(self.interpreters, self.limits, self.now_ms)
            self._commit(subject)

    def settle(self) -> None:
        """Deliver until nothing is under way."""
        while self.deliver_one():
            pass

    def deliver_one(self) -> bool:
        """Deliver the next message of any two partitions; whether there was one."""
        waiting = [pair for pair, queue in self._queues.items() if queue]
        if not waiting:
            return False
        _, target = pair = self._choose.choice(sorted(waiting))
        message = self._queues[pair].popleft()
        if not is_broadcast(message):
            self.receive(message.subject, message)
        elif message.source == "spread":
            self._spread(message, target)
        else:  # the order to spread it comes behind all that the partition has folded
            again = msgspec.structs.replace(message, source="spread")
            self._queues.setdefault((target, target), deque()).append(again)
        return True

    def workflow(self, subject: str) -> Workflow:
        """A workflow, as it was stored last."""
        workflow = self._workflows.get(subject)
        if workflow is None:
            workflow = self._workflows[subject] = Workflow(subject)
        return workflow

    def snapshot(self, subject: str) -> Snapshot:
        """The folded state of a workflow."""
        return self.workflow(subject).snapshot

    def journal(self, subject: str, run: int = 1) -> tuple[Header, list[Record]]:
        """Header and records of a run."""
        return decode_journal(self.journals[subject, run], subject)

    def told(self, subject: str, run: int = 1) -> list[tuple[str, str]]:
        """Last part of the type, and result, of each record of a run."""
        return [(record.event.type.removeprefix("com.x."), record.result) for record in self.journal(subject, run)[1]]

    def _spread(self, message: Event, partition: int) -> None:
        parent = decode_parent_ended(message.data or "").parent.id
        for subject, workflow in list(self._workflows.items()):
            if workflow.snapshot.parent == parent and _partition(subject) == partition:
                told = msgspec.structs.replace(message, source="longspan")
                self.receive(subject, deliver(told, f"{self.now_ms}-0", subject))

    def _commit(self, subject: str) -> None:
        workflow = self._workflows[subject]
        changes = workflow.take()
        for run, entry in changes.journal:
            self.journals.setdefault((subject, run), []).append(entry)
        self.exports += [(subject, *export) for export in changes.exports]
        self.carried += [(subject, run) for run in changes.carried]
        self.dead += [(dead.event.type, dead.reason) for dead in changes.dead]
        self.sent += changes.messages
        sender = _partition(subject)
        for message in changes.messages:
            targets = range(PARTITIONS) if is_broadcast(message) else [_partition(message.subject)]
            for target in targets:
                queue = self._queues.setdefault((sender, target), deque())
                queue.append(deliver(message, f"{self.now_ms}-0") if not is_broadcast(message) else message)
        stored = decode_snapshot(encode_snapshot(workflow.snapshot))
        self._workflows[subject] = Workflow(subject, stored, list(workflow.held), list(workflow.pages))


def _partition(subject: str) -> int:
    return crc32(subject.encode()) % PARTITIONS
