"""One batch: the entries that were read of some partitions, folded and committed."""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from machines.changes import Dead, Limits
from machines.errors import NewerSnapshotError, SnapshotError
from machines.events import Event
from machines.family import answer_unheard
from machines.interpreter import FAULTS
from machines.messages import is_message
from machines.parked import Discard, discard
from machines.run import Interpreters
from machines.timeouts import cancel_deadline, deadline_key, is_deadline, is_running
from machines.workflow import Workflow
from streams.beginnings import NameTrace
from streams.client import Client
from streams.commit import Commit
from streams.committing import Committing, Prepared, in_parts, run_commits
from streams.errors import KeyTypeError, NewerDataError
from streams.indexed import Indexed, index
from streams.keys import Keys
from streams.lease import Lease
from streams.listed import POSTPONE_MS
from streams.orders import Broadcast, Entry, Order, find_subjects, read_orders
from streams.residence import Residence
from streams.statistics import Statistics

logger = logging.getLogger(__name__)

Tally = defaultdict[str, int]  # of events, by what became of them
Spoilt = dict[str | tuple[str, str, str], tuple[str, str]]  # workflow id, or an event's place -> (reason, detail)


class Folder:
    """Folds entries into workflows and commits, partition by partition.

    What cannot be folded becomes a dead letter: the rest of the batch is folded again without it. Where a newer version
    of Longspan wrote a workflow, nothing of its partition is folded: it is for a worker of that version.
    """

    def __init__(
        self,
        client: Client,
        keys: Keys,
        interpreters: Interpreters,
        limits: Limits,
        residence: Residence,
        statistics: Statistics,
        name_trace: NameTrace | None = None,
    ) -> None:
        self.name_trace = name_trace
        self._client = client
        self._keys = keys
        self._interpreters = interpreters
        self._limits = limits
        self._residence = residence
        self._statistics = statistics
        self.results: Counter[str] = Counter()
        self.senders: set[int] = set()  # partitions that have committed messages

    def fold(
        self, batch: Mapping[int, Sequence[Entry]], leases: Mapping[int, Lease], now_ms: int
    ) -> dict[int, Exception]:
        """Fold and commit; the partitions that failed, with the reason. Raises redis.RedisError."""
        events = {
            partition: read_orders(self._keys.of(partition).events, entries, partition)
            for partition, entries in batch.items()
        }
        spoilt: dict[int, Spoilt] = {partition: {} for partition in batch}
        failed: dict[int, Exception] = {}
        remaining = dict(events)
        while remaining:
            outcomes = self._try(remaining, batch, leases, spoilt, now_ms)
            for partition, outcome in outcomes.items():
                if isinstance(outcome, KeyTypeError) and self._blame(
                    partition, outcome, events[partition], spoilt[partition]
                ):
                    continue
                if outcome is not None:
                    failed[partition] = outcome
                    self._residence.forget(partition)
                del remaining[partition]
        self._residence.trim()
        return failed

    def touch(
        self,
        partition: int,
        lease: Lease,
        workflows: Sequence[Workflow],
        before: Sequence[Indexed],
        now_ms: int,
        commit: Commit | None = None,
    ) -> None:
        """Commit what was done to workflows outside a batch. Raises FencedError, KeyTypeError, redis.RedisError."""
        commit = commit or Commit(self._keys.of(partition), lease)
        for workflow, was in zip(workflows, before, strict=True):
            after = index(workflow, self._limits)
            commit.add_workflow(workflow, workflow.take(), was, after, now_ms, self.name_trace)
        self.commit(partition, commit, lease.cursor)

    def commit(self, partition: int, commit: Commit, cursor: bytes) -> None:
        """Run one commit that reads no entries. Raises FencedError, KeyTypeError, redis.RedisError."""
        outcome = run_commits(self._client, [(partition, commit, cursor, 0)])[partition]
        if outcome is not None:
            self._residence.forget(partition)
            raise outcome
        self._note(partition, commit)

    def _note(self, partition: int, commit: Commit) -> None:
        """What was committed."""
        self._statistics.ended(commit.endings)
        self._residence.weigh(partition, commit.stored_bytes)
        if commit.outgoing:
            self.senders.add(partition)

    def _try(
        self,
        remaining: Mapping[int, Sequence[Order]],
        batch: Mapping[int, Sequence[Entry]],
        leases: Mapping[int, Lease],
        spoilt: Mapping[int, Spoilt],
        now_ms: int,
    ) -> dict[int, Exception | None]:
        subjects = {partition: find_subjects(events) for partition, events in remaining.items()}
        loaded = self._residence.fetch(subjects)
        newer = _find_newer(loaded)
        committing = Committing(self._client, self._statistics.clock)
        outcomes = committing.outcomes
        commits: dict[int, tuple[Commit, Tally]] = {}
        try:
            for part in in_parts(remaining.items(), lambda item: len(item[1])):
                prepared: list[Prepared] = []
                for partition, events in part:
                    if partition in newer:
                        outcomes[partition] = newer[partition]
                        continue
                    while True:
                        commit = Commit(self._keys.of(partition), leases[partition])
                        tally: Tally = defaultdict(int)
                        if self._fold_partition(partition, events, loaded, spoilt[partition], (commit, tally), now_ms):
                            break
                        self._residence.forget(partition, subjects[partition])
                        loaded.update(self._residence.fetch({partition: subjects[partition]}))
                    entries = batch[partition]
                    prepared.append((partition, commit, entries[-1][0], len(entries)))
                    commits[partition] = commit, tally
                committing.begin(prepared)
            committing.finish()
        finally:
            committing.abandon()
        self._statistics.committed(committing.seconds)
        for partition, outcome in outcomes.items():
            if outcome is None:
                commit, tally = commits[partition]
                self._note(partition, commit)
                for result, count in tally.items():
                    self.results[result] += count
            else:
                self._residence.forget(partition, subjects[partition])
        return outcomes

    def _fold_partition(
        self,
        partition: int,
        events: Sequence[Order],
        loaded: Mapping[tuple[int, str], Workflow | SnapshotError],
        spoilt: Spoilt,
        target: tuple[Commit, Tally],
        now_ms: int,
    ) -> bool:
        """Fold the events of one partition; False when one failed, which is spoilt from then on."""
        interpreters, limits = self._interpreters, self._limits
        commit, tally = target
        touched: dict[str, tuple[Workflow, Indexed]] = {}
        for event in events:
            if isinstance(event, Broadcast):
                commit.outgoing.spread(event.message)
                continue
            workflow = loaded[partition, event.subject]
            if isinstance(workflow, SnapshotError):
                spoilt.setdefault(event.subject, ("unreadable", str(workflow)))
            if isinstance(event, Discard):
                if isinstance(workflow, Workflow) and event.subject not in spoilt:
                    touched.setdefault(event.subject, (workflow, index(workflow, limits)))
                    tally["dropped"] += discard(workflow, event.identities)
                continue
            if spoilt:
                why = spoilt.get(event.subject) or spoilt.get(_place(event))
                if why is not None and is_deadline(event) and event.subject in spoilt:
                    # Nothing is wrong with the deadline: it fires again, until its workflow can be read and written.
                    commit.add(
                        "ZADD", self._keys.of(partition).deadlines, "zset", str(now_ms + POSTPONE_MS), event.subject
                    )
                    continue
                if why is not None:
                    commit.outgoing.send(answer_unheard(event, why[1]) if is_message(event) else ())
                    commit.add_dead(Dead(event, why[0], "subject", why[1]))
                    tally["dead"] += 1
                    if is_deadline(event) and isinstance(workflow, Workflow):  # it has had its turn, later ones go on
                        _touch(touched, workflow, event, limits)
                        if is_running(workflow.snapshot, event):
                            cancel_deadline(workflow.snapshot, deadline_key(event))
                    continue
            assert isinstance(workflow, Workflow)
            _touch(touched, workflow, event, limits)
            try:
                tally[workflow.receive(interpreters, limits, event, now_ms)] += 1
            except FAULTS as error:
                # A fault of ours, or what a chart's code raises, sets this event aside and stops nothing behind it.
                about = {"workflow_id": event.subject, "partition": partition}
                logger.exception("event %s of workflow %s could not be folded", event.id, event.subject, extra=about)
                spoilt[_place(event)] = ("internal-error", f"{type(error).__name__}: {error}")
                return False
        for workflow, before in touched.values():
            commit.add_workflow(workflow, workflow.take(), before, index(workflow, limits), now_ms, self.name_trace)
        return True

    def _blame(self, partition: int, error: KeyTypeError, events: Sequence[Order], spoilt: Spoilt) -> bool:
        """Whether a key of one workflow holds the wrong type; its events become dead letters then."""
        subject = self._keys.of(partition).subject_of(error.key)
        if subject is None or subject in spoilt or subject not in find_subjects(events):
            return False
        spoilt[subject] = ("wrong-key-type", str(error))
        return True


def _find_newer(loaded: Mapping[tuple[int, str], Workflow | SnapshotError]) -> dict[int, NewerDataError]:
    """By partition a workflow that a newer version wrote."""
    return {
        partition: NewerDataError(subject, str(found))
        for (partition, subject), found in loaded.items()
        if isinstance(found, NewerSnapshotError)
    }


def _touch(touched: dict[str, tuple[Workflow, Indexed]], workflow: Workflow, event: Event, limits: Limits) -> None:
    """Note what the indexes say of a workflow before its first event; nothing of its deadlines once one has fired."""
    if event.subject not in touched:
        touched[event.subject] = workflow, index(workflow, limits)
    if is_deadline(event):
        touched[event.subject] = workflow, touched[event.subject][1].fired()


def _place(event: Event) -> tuple[str, str, str]:
    return event.position, event.id, event.subject
