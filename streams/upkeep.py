"""What a partition needs although nothing arrives: deadlines, the end of waiting, parts of long runs, retention."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence

import redis

from machines.changes import Limits
from machines.interpreter import FAULTS
from machines.run import Interpreters
from machines.workflow import Workflow
from streams.ageing import Ageing
from streams.archiving import Archive
from streams.arrivals import Arrivals
from streams.batch import Folder
from streams.client import Client, check_kind
from streams.commit import Commit
from streams.errors import FencedError, KeyTypeError, MovingError
from streams.firing import Firing
from streams.indexed import PART_AGE_MS, Indexed, index
from streams.keys import Keys
from streams.lease import Lease
from streams.listed import BATCH, POSTPONE_MS, load_listed
from streams.residence import Residence
from streams.retention import Retention
from streams.timing import is_ahead

logger = logging.getLogger(__name__)

OTHERS_MS = 1_000  # between two looks at what may be a second late, deadlines are looked at in every step
TOLD_LIMIT = 1_000

SeeTo = Callable[[int, Lease, Sequence[bytes], int], bool | None]  # False: what is left is not for now


class Upkeep:
    """Housekeeping of owned partitions, each step one fenced commit. Raises redis.RedisError throughout.

    `more` says whether the last step left something that is due: then the next one should come at once.
    """

    def __init__(
        self,
        client: Client,
        keys: Keys,
        folder: Folder,
        residence: Residence,
        interpreters: Interpreters,
        limits: Limits,
        retention_ms: int,
        archive: Archive | None = None,
    ) -> None:
        self.more = False
        self._client = client
        self._keys = keys
        self._folder = folder
        self._residence = residence
        self._interpreters = interpreters
        self._limits = limits
        self._retention_ms = retention_ms
        self._arrivals = Arrivals(client, keys)
        self._ageing = Ageing(client, keys, folder)
        self._firing = Firing(keys, folder, residence)
        self._retention = Retention(client, keys, folder, residence, archive)
        self._others_ms = 0
        self._told: set[str] = set()

    def step(
        self, leases: Mapping[int, Lease], now_ms: int, full: Collection[int] = frozenset()
    ) -> dict[int, Exception]:
        """See to what is due at `now_ms`, one page of each kind; the partitions where that failed, with the reason.

        In `full` partitions only what leaves Redis is seen to: all else may make more traces.
        """
        self._firing.behind = False
        failed = self._ageing.step(leases, full, now_ms)
        listed = self._list(leases, now_ms, full)
        replies = self._client.call_all(
            (["ZRANGEBYSCORE", key, "-inf", until_ms, "LIMIT", 0, BATCH] for _, key, until_ms, _ in listed),
            raise_on_error=False,
        )
        more = False
        for (partition, key, until_ms, see_to), members in zip(listed, replies, strict=True):
            try:
                if isinstance(members, redis.ResponseError):
                    check_kind(self._client, key, "zset")
                    raise members
                seen_to = self._see_to(see_to, partition, leases[partition], members, until_ms)
            except (FencedError, KeyTypeError, MovingError) as error:
                failed[partition] = error
            else:
                more = more or (seen_to and len(members) == BATCH)
        if more:
            self._others_ms = 0
        self.more = more or self._firing.behind
        self._residence.trim()
        return failed

    def _list(
        self, leases: Mapping[int, Lease], now_ms: int, full: Collection[int]
    ) -> list[tuple[int, bytes, int, SeeTo]]:
        """Partition, index, up to which score and who sees to it, of everything that is to be looked at now."""
        fire_until_ms = self._arrivals.read(leases, now_ms) if leases else {}
        owned = {partition: self._keys.of(partition) for partition in leases}
        listed: list[tuple[int, bytes, int, SeeTo]] = [
            (partition, keys.deadlines, fire_until_ms[partition], self._firing.fire)
            for partition, keys in owned.items()
            if partition not in full
        ]
        if not is_ahead(self._others_ms, now_ms, OTHERS_MS):
            self._others_ms = now_ms + OTHERS_MS
            for partition, keys in owned.items():
                listed.append((partition, keys.ended, now_ms - self._retention_ms, self._retention.remove))
                if partition not in full:
                    listed.append((partition, keys.held, now_ms, self._expire))
                    listed.append((partition, keys.open, now_ms, self._export_parts))
        return listed

    def release_parked(self, partition: int, lease: Lease, now_ms: int) -> None:
        """Apply the events that waited for a machine which is loaded now; called when a partition was taken.

        Raises FencedError, KeyTypeError, redis.RedisError.
        """
        key = self._keys.of(partition).parked
        check_kind(self._client, key, "zset")
        members = self._client.call("ZRANGEBYSCORE", key, "-inf", "+inf")
        for start in range(0, len(members), BATCH):
            self._see_to(self._release, partition, lease, members[start : start + BATCH], now_ms)
            self._residence.trim()

    def _see_to(self, see_to: SeeTo, partition: int, lease: Lease, members: Sequence[bytes], until_ms: int) -> bool:
        """Where a key of one workflow holds another type, see to the others; whether any could be seen to."""
        while members:
            try:
                done = see_to(partition, lease, members, until_ms)
            except KeyTypeError as error:
                name = self._keys.of(partition).subject_of(error.key) or ""
                subject = name.encode()
                others = [member for member in members if subject not in (member, member.partition(b":")[2])]
                if len(others) == len(members):
                    raise
                self._tell(str(error), None, {"workflow_id": name, "partition": partition})
                members = others
            else:
                return done is not False
        return False

    def _expire(self, partition: int, lease: Lease, members: Sequence[bytes], now_ms: int) -> None:
        keys = self._keys.of(partition)
        commit = Commit(keys, lease)
        commit.add("ZREM", keys.held, "zset", *members)
        workflows = load_listed(self._residence, partition, members, commit, keys.held, now_ms)
        changed = self._change(
            partition, workflows, lambda workflow: workflow.expire(self._interpreters, self._limits, now_ms)
        )
        for workflow in workflows:
            if workflow not in changed:
                commit.add("ZADD", keys.held, "zset", str(now_ms + POSTPONE_MS), workflow.subject)
        unlisted = [before.expired() for before in changed.values()]
        self._folder.touch(partition, lease, list(changed), unlisted, now_ms, commit)

    def _release(self, partition: int, lease: Lease, members: Sequence[bytes], now_ms: int) -> None:
        keys = self._keys.of(partition)
        commit = Commit(keys, lease)
        workflows = load_listed(self._residence, partition, members, commit, keys.parked, now_ms)
        changed = self._change(
            partition, workflows, lambda workflow: workflow.release(self._interpreters, self._limits, now_ms)
        )
        self._folder.touch(partition, lease, list(changed), list(changed.values()), now_ms, commit)

    def _export_parts(self, partition: int, lease: Lease, members: Sequence[bytes], now_ms: int) -> None:
        keys = self._keys.of(partition)
        commit = Commit(keys, lease)
        for member in members:
            commit.add("ZADD", keys.open, "zset", "XX", str(now_ms + PART_AGE_MS), member)
        workflows = load_listed(self._residence, partition, members, commit, keys.open, now_ms)
        for workflow in workflows:
            if workflow.snapshot.status != "running":
                commit.add("ZREM", keys.open, "zset", workflow.subject)
        grown = [workflow for workflow in workflows if workflow.snapshot.pending_spans]
        changed = self._change(partition, grown, Workflow.export_part)
        self._folder.touch(partition, lease, list(changed), list(changed.values()), now_ms, commit)

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
                about = {"workflow_id": workflow.subject, "partition": partition}
                self._tell(f"workflow {workflow.subject} could not be seen to: {type(error).__name__}", error, about)
            else:
                changed[workflow] = before
        return changed

    def _tell(self, what: str, error: BaseException | None = None, about: Mapping[str, object] | None = None) -> None:
        """One line when it begins: it is tried again and again."""
        if what not in self._told:
            if len(self._told) >= TOLD_LIMIT:
                self._told.clear()
            self._told.add(what)
            logger.error("%s", what, exc_info=error, extra=about)
