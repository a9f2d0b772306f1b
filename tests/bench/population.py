"""A million workflows in Redis in a minute: each a copy of one that was folded from events, written by real commits."""

import random
import time
from collections.abc import Callable

import msgspec

from machines.catalog import Catalog
from machines.changes import Changes, Limits
from machines.entries import parse_entry
from machines.run import Interpreters
from machines.snapshot import Snapshot
from machines.workflow import Workflow
from spans.own_trace import own_trace
from streams.client import Client
from streams.commit import Commit, index, run_commits
from streams.keys import Keys, partition_of
from streams.layout import settle_partitions
from streams.lease import Lease, claim, renew
from tests.bench.scenario import NAMESPACE, STATES, workflow

REGIONS = ("EMEA", "AMER", "APAC")
PORTFOLIOS = 100
DAYS = 7
BATCH = 500  # workflows in one commit
_DAY_NS = 86_400 * 10**9
_LEASE_MS = 600_000


def populate(client: Client, prefix: str, catalog: Catalog, count: int, tell: Callable[[int], None]) -> None:
    """Write `count` workflows, named `w-0` and so on: one in five is open, in any state, the others have ended.

    They have started within the last DAYS, in an order of chance. Raises RuntimeError where Redis takes no commit.
    """
    keys = Keys(prefix)
    partitions = settle_partitions(client, keys, None)
    leases = {number: claim(client, keys.of(number), "population", _LEASE_MS) for number in range(partitions)}
    if None in leases.values():
        raise RuntimeError(f"somebody works under {prefix}")
    by_partition: dict[int, list[str]] = {number: [] for number in range(partitions)}
    for number in range(count):
        by_partition[partition_of(f"w-{number}", partitions)].append(f"w-{number}")
    make = Copies(catalog, time.time_ns())
    written = 0
    for number, names in by_partition.items():
        lease = leases[number]
        assert lease is not None
        for start in range(0, len(names), BATCH):
            _write(client, keys, number, lease, make, names[start : start + BATCH])
            written += len(names[start : start + BATCH])
        tell(written)
        renew(client, {keys.of(number): lease}, 0)


class Copies:
    """Workflows that are copies, at times of their own, of one for each state and one for each outcome."""

    def __init__(self, catalog: Catalog, now_ns: int) -> None:
        self._choose = random.Random(1)
        self._now_ns = now_ns
        self.now_ms = now_ns // 1_000_000
        self.limits = Limits()
        self._originals = [self._fold(catalog, events) for events in range(1, len(STATES) + 2)]

    def make(self, subject: str) -> tuple[Workflow, Changes]:
        """One workflow, and what it has changed."""
        choose = self._choose
        is_open = choose.random() < 0.2
        original, changes = self._originals[choose.randrange(len(STATES)) if is_open else -1]
        started_ns = self._now_ns - choose.randrange(DAYS * _DAY_NS)
        later_ns = started_ns - original.started_ns
        snapshot: Snapshot = msgspec.structs.replace(
            original,
            attributes={
                "portfolio": f"FX-{choose.randrange(PORTFOLIOS)}",
                "region": choose.choice(REGIONS),
            },
            started_ns=started_ns,
            updated_ns=original.updated_ns + later_ns,
            ended_ns=None if original.ended_ns is None else original.ended_ns + later_ns,
            states={path: entered_ns + later_ns for path, entered_ns in original.states.items()},
        )
        return Workflow(subject, snapshot), Changes(journal=changes.journal)

    def _fold(self, catalog: Catalog, events: int) -> tuple[Snapshot, Changes]:
        folded, interpreters = Workflow("original"), Interpreters(catalog)
        for fields in workflow("original", 0, self._now_ns)[:events]:
            entry = {name.encode(): text.encode() for name, text in fields.items()}
            folded.receive(interpreters, self.limits, parse_entry(entry, "1-1"), self._now_ns // 1_000_000)
        return folded.snapshot, folded.take()


def _write(client: Client, keys: Keys, number: int, lease: Lease, make: Copies, names: list[str]) -> None:
    commit = Commit(keys.of(number), lease)
    for name in names:
        before = index(Workflow(name), make.limits)
        made, changes = make.make(name)
        after = index(made, make.limits)
        commit.add_workflow(made, changes, before, after, make.now_ms, lambda *begun: own_trace(NAMESPACE, *begun))
    outcome = run_commits(client, [(number, commit, lease.cursor, 0)])[number]
    if outcome is not None:
        raise RuntimeError(f"partition {number}: {outcome}")
