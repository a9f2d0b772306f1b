"""Which runs are rebuilt, and where they come from: the journals of a server, or an archive."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from longspan.errors import NotFoundError
from longspan.store import Store

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanLimits

    from longspan.archived_source import ArchivedSource
    from machines.journal import Header, Record
    from spans.redelivery import Again, Mark
    from streams.deliveries import Delivery


@dataclass(frozen=True, slots=True)
class Choice:
    """What to rebuild: the runs of `ids` (of each only `run`, if given), or all, of which what is set must hold.

    Times are event time in ns since the epoch: a run that started at `started_after_ns` or later, and before
    `started_before_ns`.
    """

    ids: tuple[str, ...] = ()
    run: int | None = None
    machine: str | None = None
    outcome: str | None = None
    started_after_ns: int | None = None
    started_before_ns: int | None = None

    def fits(self, header: "Header", first: "Record") -> bool:
        """Whether the beginning of a run is as it has to be."""
        started_ns = first.event.time_ns
        return (
            self.machine in (None, header.machine)
            and self.run in (None, header.run)
            and (self.started_after_ns is None or started_ns >= self.started_after_ns)
            and (self.started_before_ns is None or started_ns < self.started_before_ns)
        )

    def ends_so(self, records: "Iterable[Record]") -> bool:
        """Whether a run ended as it has to have."""
        return self.outcome is None or any(record.outcome == self.outcome for record in records)


@dataclass(frozen=True, slots=True)
class Telling:
    """How journals are told: the namespace of their ids, and OpenTelemetry's span limits."""

    namespace: str
    limits: "SpanLimits"


class Run(NamedTuple):
    """A run to be rebuilt, its place in the order of its source, and its records, to be read once."""

    mark: "Mark"
    delivery: "Delivery"
    header: "Header"
    records: "Iterator[Record]"


def tell(run: Run, telling: Telling) -> "Again":
    """The spans of a run that were sent before, as they were."""
    from spans.rebuilding import tell_again
    from spans.redelivery import Again

    delivery = run.delivery
    pieces = tell_again(telling.namespace, delivery.workflow_id, run.header, run.records, telling.limits, delivery.part)
    return Again(run.mark, delivery.partition, delivery.workflow_id, delivery.run, pieces)


Source: TypeAlias = "LiveSource | ArchivedSource"
Fail = Callable[[str, int, str], None]  # workflow id or file, run (0: unknown), reason


def ignore(workflow_id: str, run: int, reason: str) -> None:
    """Nobody wants to know what cannot be read."""


@dataclass(slots=True)
class LiveSource:
    """The journals of a server, read in pages beside running workers; nothing is written.

    `passed` counts runs that are left out, by the reason; `fail` is told of those that cannot be read.
    """

    store: Store
    partitions: int
    choice: Choice
    now_ms: Callable[[], int]
    passed: Counter[str] = field(default_factory=Counter)
    fail: Fail = ignore

    def runs(self, after: "Mark | None" = None) -> Iterator[Run]:
        """The runs behind a place. Raises NotFoundError, SnapshotError, redis.RedisError."""
        from machines.errors import SnapshotError
        from streams.journals import open_journals

        for page in self._pages(after):
            names = [(delivery.workflow_id, delivery.run) for _, delivery in page]
            journals = open_journals(self.store.client, self.store.keys, self.partitions, names)
            for (mark, delivery), journal in zip(page, journals, strict=True):
                if journal is None:
                    self.passed["retention has removed them meanwhile"] += 1
                elif isinstance(journal, SnapshotError):
                    self.fail(delivery.workflow_id, delivery.run, str(journal))
                else:
                    records = journal.records
                    first = next(records, None)
                    if first is not None and self.choice.fits(journal.header, first) and self._ends_so(delivery):
                        yield Run(mark, delivery, journal.header, chain((first,), records))

    def find(self, workflow_id: str, run: int) -> Run | None:
        """One run as it is now; None where nothing of it was sent, or it is gone. Raises redis.RedisError."""
        from spans.rebuilding import read_part
        from streams.deliveries import find_deliveries
        from streams.journals import open_journal

        client, keys, names = self.store.client, self.store.keys, [(workflow_id, run)]
        (found,) = find_deliveries(client, keys, self.partitions, names, read_part)
        journal = open_journal(client, keys, self.partitions, workflow_id, run)
        return None if found is None or journal is None else Run(names[0], found, journal.header, journal.records)

    def count_open(self) -> int:
        """How many workflows have not ended. Raises redis.RedisError."""
        from streams.counts import count_running

        return count_running(self.store.client, self.store.keys, self.partitions)

    def _pages(self, after: "Mark | None") -> "Iterator[Sequence[tuple[Mark, Delivery]]]":
        from spans.rebuilding import read_part
        from streams.deliveries import Waymark, walk_deliveries

        if self.choice.ids:
            yield from self._named(after)
            return
        waymark = None if after is None else Waymark(*after)  # type: ignore[arg-type]  # it is one, written down
        yield from walk_deliveries(self.store.client, self.store.keys, self.partitions, read_part, self.now_ms, waymark)

    def _named(self, after: "Mark | None") -> "Iterator[Sequence[tuple[Mark, Delivery]]]":
        from spans.rebuilding import read_part
        from streams.deliveries import find_deliveries, find_runs

        client, keys, wanted = self.store.client, self.store.keys, self.choice.run
        ids = self.choice.ids if after is None else self.choice.ids[self.choice.ids.index(str(after[0])) :]
        for workflow_id in ids:
            runs = [run for run in find_runs(client, keys, self.partitions, workflow_id) if wanted in (None, run)]
            if not runs:
                what = workflow_id if wanted is None else f"{workflow_id}, run {wanted}"
                raise NotFoundError("journal of", what, f"none is at {self.store.shown}, or retention has removed it")
            if after is not None and workflow_id == after[0]:
                runs = [run for run in runs if run < int(str(after[1]))]
            names = [(workflow_id, run) for run in runs]
            page = []
            for name, found in zip(
                names, find_deliveries(client, keys, self.partitions, names, read_part), strict=True
            ):
                if found is None:
                    self.passed["nothing of them was sent yet: they have not ended, or wait in the outbox"] += 1
                else:
                    page.append((name, found))
            if page:
                yield page

    def _ends_so(self, delivery: "Delivery") -> bool:
        if self.choice.outcome is None:
            return True
        from streams.journals import open_journal

        journal = open_journal(self.store.client, self.store.keys, self.partitions, delivery.workflow_id, delivery.run)
        return journal is not None and self.choice.ends_so(journal.records)
