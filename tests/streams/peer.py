"""A worker of the model check: the protocol of lease and commit in steps of one round trip each."""

from dataclasses import dataclass

from machines.changes import Limits
from machines.events import Event, decode_event
from machines.run import Interpreters
from machines.workflow import Workflow
from streams import lease as leases
from streams.client import Client, read_streams
from streams.commit import Commit
from streams.committing import run_commits
from streams.indexed import index
from streams.keys import Keys
from streams.lease import Lease
from streams.residence import Residence
from tests.streams.site import START_MS

LEASE_MS = 3_600_000
EARLY = "early"  # a workflow that nobody starts: its events wait until they are given up
LIMITS = Limits(early_wait_ms=1)


@dataclass(slots=True)
class Hand:
    """A commit that is ready: what it was folded from, and whether it reads entries or only tidies up."""

    commit: Commit
    cursor: bytes
    entries: list[tuple[bytes, Event]]


class Peer:
    """A worker, step by step. After a fault it is `in_doubt` until it has read its lease again."""

    def __init__(self, name: str, client: Client, keys: Keys, interpreters: Interpreters) -> None:
        self.name = name
        self._client = client
        self._keys = keys
        self._interpreters = interpreters
        self._residence = Residence(client, keys, 100, 10_000_000)
        self.lease: Lease | None = None
        self.in_doubt = False
        self.batch: list[tuple[bytes, Event]] | None = None
        self.hand: Hand | None = None

    @property
    def idle(self) -> bool:
        """Whether it holds the partition, as far as it knows, and has nothing in hand."""
        return self.lease is not None and not self.in_doubt and self.batch is None and self.hand is None

    def drop(self, lease: Lease | None, *, in_doubt: bool = False) -> None:
        """Forget everything but the lease given."""
        self.lease, self.batch, self.hand, self.in_doubt = lease, None, None, in_doubt
        self._residence.forget(0)

    def claim(self) -> None:
        """Take the partition if nobody holds it."""
        lease = leases.claim(self._client, self._keys.of(0), self.name, LEASE_MS)
        if lease is not None:
            self.drop(lease)

    def reread(self) -> None:
        """After a fault: the lease as the server has it."""
        assert self.lease is not None
        self.drop(leases.reread(self._client, self._keys.of(0), self.lease))

    def renew(self, lease_ms: int) -> None:
        """Renew the lease, or give it up with 0."""
        assert self.lease is not None
        lost = leases.renew(self._client, {self._keys.of(0): self.lease}, lease_ms)
        if lost or not lease_ms:
            self.drop(None)

    def read(self, count: int) -> None:
        """Read what comes next."""
        assert self.lease is not None
        name = self._keys.of(0).events
        entries = read_streams(self._client, {name: self.lease.cursor}, count, 0).get(name, [])
        self.batch = [(entry_id, decode_event(fields[1])) for entry_id, fields in entries] or None

    def fold(self) -> None:
        """Fold what was read, with the workflows in memory where they are there."""
        assert self.lease is not None
        assert self.batch is not None
        commit = Commit(self._keys.of(0), self.lease)
        workflows = self._fetch(*(event.subject for _, event in self.batch))
        before = {subject: index(workflow, LIMITS) for subject, workflow in workflows.items()}
        for _, event in self.batch:
            workflows[event.subject].receive(self._interpreters, LIMITS, event, START_MS)
        for subject, workflow in workflows.items():
            commit.add_workflow(workflow, workflow.take(), before[subject], index(workflow, LIMITS), START_MS)
        self.hand, self.batch = Hand(commit, self.batch[-1][0], self.batch), None

    def tidy(self) -> None:
        """Give up on what waits, as upkeep does: a commit that reads nothing."""
        assert self.lease is not None
        commit = Commit(self._keys.of(0), self.lease)
        workflow = self._fetch(EARLY)[EARLY]
        before = index(workflow, LIMITS)
        workflow.expire(self._interpreters, LIMITS, START_MS + 10)
        commit.add_workflow(workflow, workflow.take(), before, index(workflow, LIMITS), START_MS)
        self.hand = Hand(commit, self.lease.cursor, [])

    def commit(self, client: Client) -> bool:
        """Commit what is in hand; whether it was accepted. Raises redis.ConnectionError where no answer came."""
        assert self.lease is not None
        assert self.hand is not None
        hand, self.hand = self.hand, None
        outcome = run_commits(client, [(0, hand.commit, hand.cursor, len(hand.entries))])[0]
        if outcome is not None:
            self.in_doubt = True
        return outcome is None

    def _fetch(self, *subjects: str) -> dict[str, Workflow]:
        found = self._residence.fetch({0: dict.fromkeys(subjects)})
        return {subject: workflow for (_, subject), workflow in found.items() if isinstance(workflow, Workflow)}
