"""What a partition needs although nothing arrives: deadlines, the end of waiting, parts of long runs, retention."""

import logging
from collections.abc import Callable, Mapping, Sequence

import msgspec
import redis

from machines.changes import Limits
from machines.errors import SnapshotError
from machines.events import Event, encode_event
from machines.run import Interpreters
from machines.snapshot import Snapshot, decode_snapshot
from machines.workflow import Workflow
from streams.batch import FAULTS, Folder
from streams.client import Client, check_kind
from streams.commit import PART_AGE_MS, Commit, Indexed, index
from streams.errors import FencedError, KeyTypeError
from streams.keys import Keys, PartitionKeys, split_run_member
from streams.lease import Lease
from streams.residence import Residence

logger = logging.getLogger(__name__)

BATCH = 500  # workflows that are seen to in one go
POSTPONE_MS = 60_000  # for a workflow that cannot be read or changed
TOLD_LIMIT = 1_000

SeeTo = Callable[[int, Lease, Sequence[bytes], int], None]


class Upkeep:
    """Housekeeping of owned partitions, each step one fenced commit. Raises redis.RedisError throughout."""

    def __init__(
        self,
        client: Client,
        keys: Keys,
        folder: Folder,
        residence: Residence,
        interpreters: Interpreters,
        limits: Limits,
        retention_ms: int,
    ) -> None:
        self._client = client
        self._keys = keys
        self._folder = folder
        self._residence = residence
        self._interpreters = interpreters
        self._limits = limits
        self._retention_ms = retention_ms
        self._told: set[str] = set()

    def step(self, leases: Mapping[int, Lease], now_ms: int) -> dict[int, Exception]:
        """See to everything that is due at `now_ms`; the partitions where that failed, with the reason."""
        tasks: list[tuple[Callable[[PartitionKeys], bytes], int, SeeTo]] = [
            (lambda keys: keys.deadlines, now_ms, self._fire),
            (lambda keys: keys.held, now_ms, self._expire),
            (lambda keys: keys.open, now_ms, self._export_parts),
            (lambda keys: keys.ended, now_ms - self._retention_ms, self._remove),
        ]
        listed = [
            (partition, key(self._keys.of(partition)), until_ms, see_to)
            for partition in leases
            for key, until_ms, see_to in tasks
        ]
        replies = self._client.call_all(
            (["ZRANGEBYSCORE", key, "-inf", until_ms, "LIMIT", 0, BATCH] for _, key, until_ms, _ in listed),
            raise_on_error=False,
        )
        failed: dict[int, Exception] = {}
        for (partition, key, _, see_to), members in zip(listed, replies, strict=True):
            try:
                if isinstance(members, redis.ResponseError):
                    check_kind(self._client, key, "zset")
                    raise members
                self._see_to(see_to, partition, leases[partition], members, now_ms)
            except (FencedError, KeyTypeError) as error:
                failed[partition] = error
        self._residence.trim()
        return failed

    def release_parked(self, partition: int, lease: Lease, now_ms: int) -> Exception | None:
        """Apply the events that waited for a machine which is loaded now; called when a partition was taken.

        What failed, if anything did.
        """
        key = self._keys.of(partition).parked
        try:
            check_kind(self._client, key, "zset")
            members = self._client.call("ZRANGEBYSCORE", key, "-inf", "+inf")
            for start in range(0, len(members), BATCH):
                self._see_to(self._release, partition, lease, members[start : start + BATCH], now_ms)
                self._residence.trim()
        except (FencedError, KeyTypeError) as error:
            return error
        return None

    def _see_to(self, see_to: SeeTo, partition: int, lease: Lease, members: Sequence[bytes], now_ms: int) -> None:
        """Where a key of one workflow holds another type, see to the others."""
        while members:
            try:
                see_to(partition, lease, members, now_ms)
            except KeyTypeError as error:
                subject = (self._keys.of(partition).subject_of(error.key) or "").encode()
                others = [member for member in members if subject not in (member, member.partition(b":")[2])]
                if len(others) == len(members):
                    raise
                self._tell(str(error))
                members = others
            else:
                return

    def _fire(self, partition: int, lease: Lease, members: Sequence[bytes], now_ms: int) -> None:
        """Move due deadlines into the partition's own stream, so that a time-out is an event like any other."""
        keys = self._keys.of(partition)
        commit = Commit(keys, lease)
        commit.add("ZREM", keys.deadlines, "zset", *members)
        due: list[Event] = []
        for workflow in self._load(partition, members, commit, keys.deadlines, now_ms):
            event = workflow.due_deadline()
            if event is not None and event.time_ns <= now_ms * 1_000_000:
                due.append(event)
        for event in sorted(due, key=lambda event: event.time_ns):
            commit.add("XADD", keys.events, "stream", "*", "e", encode_event(event))
        self._folder.commit(partition, commit, lease.cursor)

    def _expire(self, partition: int, lease: Lease, members: Sequence[bytes], now_ms: int) -> None:
        keys = self._keys.of(partition)
        commit = Commit(keys, lease)
        commit.add("ZREM", keys.held, "zset", *members)
        workflows = self._load(partition, members, commit, keys.held, now_ms)
        changed = self._change(
            partition, workflows, lambda workflow: workflow.expire(self._interpreters, self._limits, now_ms)
        )
        for workflow in workflows:
            if workflow not in changed:
                commit.add("ZADD", keys.held, "zset", str(now_ms + POSTPONE_MS), workflow.subject)
        unlisted = [msgspec.structs.replace(before, expires_ms=None) for before in changed.values()]
        self._folder.touch(partition, lease, list(changed), unlisted, now_ms, commit)

    def _release(self, partition: int, lease: Lease, members: Sequence[bytes], now_ms: int) -> None:
        keys = self._keys.of(partition)
        commit = Commit(keys, lease)
        workflows = self._load(partition, members, commit, keys.parked, now_ms)
        changed = self._change(
            partition, workflows, lambda workflow: workflow.release(self._interpreters, self._limits, now_ms)
        )
        self._folder.touch(partition, lease, list(changed), list(changed.values()), now_ms, commit)

    def _export_parts(self, partition: int, lease: Lease, members: Sequence[bytes], now_ms: int) -> None:
        keys = self._keys.of(partition)
        commit = Commit(keys, lease)
        for member in members:
            commit.add("ZADD", keys.open, "zset", "XX", str(now_ms + PART_AGE_MS), member)
        workflows = self._load(partition, members, commit, keys.open, now_ms)
        grown = [workflow for workflow in workflows if workflow.snapshot.pending_spans]
        changed = self._change(partition, grown, Workflow.export_part)
        self._folder.touch(partition, lease, list(changed), list(changed.values()), now_ms, commit)

    def _remove(self, partition: int, lease: Lease, members: Sequence[bytes], now_ms: int) -> None:
        """Retention: delivered runs that ended long enough ago leave Redis."""
        keys = self._keys.of(partition)
        runs = [split_run_member(member) for member in members]
        stored = self._client.call("MGET", *(keys.workflow(workflow_id) for workflow_id, _ in runs))
        commit = Commit(keys, lease)
        for member, (workflow_id, run), stored_snapshot in zip(members, runs, stored, strict=True):
            snapshot = _read_snapshot(stored_snapshot)
            if snapshot is not None and snapshot.run == run and snapshot.waiting:
                later = now_ms - self._retention_ms + POSTPONE_MS
                commit.add("ZADD", keys.ended, "zset", str(later), member)
                continue
            commit.add("ZREM", keys.ended, "zset", member)
            commit.add("DEL", keys.journal(workflow_id, run), "list")
            commit.add("DEL", keys.trace(workflow_id, run), "string")
            if snapshot is not None and snapshot.run == run and snapshot.ended:
                commit.add("DEL", keys.workflow(workflow_id), "string")
                commit.add("DEL", keys.seen(workflow_id), "list")
        self._residence.forget(partition, [workflow_id for workflow_id, _ in runs])
        self._folder.commit(partition, commit, lease.cursor)

    def _load(
        self, partition: int, members: Sequence[bytes], commit: Commit, key: bytes, now_ms: int
    ) -> list[Workflow]:
        """The workflows that an index names; one that cannot be read is put off in it."""
        loaded = self._residence.fetch({partition: [member.decode(errors="replace") for member in members]})
        workflows = []
        for (_, workflow_id), workflow in loaded.items():
            if isinstance(workflow, SnapshotError):
                commit.add("ZADD", key, "zset", str(now_ms + POSTPONE_MS), workflow_id)
            else:
                workflows.append(workflow)
        return workflows

    def _change(
        self, partition: int, workflows: Sequence[Workflow], change: Callable[[Workflow], None]
    ) -> dict[Workflow, Indexed]:
        """Change workflows; those where it worked, with what the indexes said of them before."""
        changed = {}
        for workflow in workflows:
            before = index(workflow, self._limits)
            try:
                change(workflow)
            except FAULTS as error:
                self._residence.forget(partition, [workflow.subject])
                self._tell(f"workflow {workflow.subject} could not be seen to: {type(error).__name__}", error)
            else:
                changed[workflow] = before
        return changed

    def _tell(self, what: str, error: BaseException | None = None) -> None:
        """One line when it begins: it is tried again and again."""
        if what not in self._told:
            if len(self._told) >= TOLD_LIMIT:
                self._told.clear()
            self._told.add(what)
            logger.error("%s", what, exc_info=error)


def _read_snapshot(stored: bytes | None) -> Snapshot | None:
    try:
        return None if stored is None else decode_snapshot(stored)
    except SnapshotError:
        return None
