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
from streams.commit import Commit
from streams.committing import run_commits
from streams.indexed import index
from streams.keys import Keys, partition_of, run_member
from streams.layout import settle_partitions
from streams.lease import Lease, claim, renew
from tests.bench.scenario import NAMESPACE, STATES, workflow

REGIONS = ("EMEA", "AMER", "APAC")
PORTFOLIOS = 100
DAYS = 7
OPEN_HOURS = 20  # a run that is a day old is sent in parts: a million that are found so at once are another load
BATCH = 500  # workflows in one commit
_HOUR_NS = 3_600 * 10**9
_LEASE_MS = 600_000


def populate(
    client: Client,
    prefix: str,
    catalog: Catalog,
    numbers: range,
    tell: Callable[[int], None],
    events: Callable[[int], int] | None = None,
) -> None:
    """Write workflows named `w-<number>`: one in five is open, in any state, the others have ended.

    With `events` that says how many each has had: up to len(STATES), or one more where it has ended. They have started
    within the last DAYS, open ones within OPEN_HOURS, in an order of chance. Raises RuntimeError where Redis takes no
    commit.
    """
    keys = Keys(prefix)
    partitions = settle_partitions(client, keys, None)
    leases = {number: claim(client, keys.of(number), "population", _LEASE_MS) for number in range(partitions)}
    if None in leases.values():
        raise RuntimeError(f"somebody works under {prefix}")
    by_partition: dict[int, list[tuple[str, int | None]]] = {number: [] for number in range(partitions)}
    for number in numbers:
        had = None if events is None else events(number)
        by_partition[partition_of(f"w-{number}", partitions)].append((f"w-{number}", had))
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

    def make(self, subject: str, events: int | None) -> tuple[Workflow, Changes]:
        """One workflow, and what it has changed; with `events` after that many, else after any number."""
        choose = self._choose
        if events is None:
            events = choose.randint(1, len(STATES)) if choose.random() < 0.2 else len(STATES) + 1
        original, changes = self._originals[events - 1]
        hours = OPEN_HOURS if original.ended_ns is None else DAYS * 24
        started_ns = self._now_ns - choose.randrange(hours * _HOUR_NS)
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


def _write(
    client: Client, keys: Keys, number: int, lease: Lease, make: Copies, names: list[tuple[str, int | None]]
) -> None:
    commit = Commit(keys.of(number), lease)
    for name, events in names:
        before = index(Workflow(name), make.limits)
        made, changes = make.make(name, events)
        after = index(made, make.limits)
        commit.add_workflow(made, changes, before, after, make.now_ms, lambda *begun: own_trace(NAMESPACE, *begun))
        if made.snapshot.status != "running":  # its trace was delivered: retention is to delete it one day
            commit.rank(keys.of(number).ended, run_member(name, made.snapshot.run), make.now_ms)
    outcome = run_commits(client, [(number, commit, lease.cursor, 0)])[number]
    if outcome is not None:
        raise RuntimeError(f"partition {number}: {outcome}")
