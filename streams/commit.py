"""The commit: everything that a batch of events changed in one partition, written by one script or not at all."""

import msgspec

from machines.changes import Changes, Dead
from machines.events import encode_event
from machines.snapshot import encode_snapshot
from machines.workflow import Workflow
from streams.beginnings import NameTrace, read_beginning
from streams.indexed import PART_AGE_MS, Indexed
from streams.indexes import Listing, differences
from streams.keys import PartitionKeys, run_member, trace_member
from streams.lease import Lease
from streams.messages import Outgoing
from streams.outbox import OutboxItem, encode_items
from streams.writes import Argument, Writes

CHANGES_KEPT = 256  # commits whose workflows can be read behind: what a reader may miss while it is away
UNDELIVERED = 9_000_000_000_000_000  # the score in `ended` of a run whose trace has not been delivered yet

_pack = msgspec.msgpack.Encoder().encode


class Commit(Writes):
    """Commands for one partition, collected and then written at once."""

    def __init__(self, keys: PartitionKeys, lease: Lease) -> None:
        super().__init__((keys.meta, keys.events))
        self._keys = keys
        self.lease = lease
        self.endings: list[tuple[str, str, int]] = []  # machine, outcome, duration (ns) of the runs that end by it
        self._exports: list[OutboxItem] = []
        self.outgoing = Outgoing()
        self.stored_bytes: dict[str, int] = {}  # of snapshots, by workflow id
        self._changed: dict[str, None] = {}  # workflows
        self._indexes: dict[bytes, bytes] = {}  # keys of those that have got members, by name

    def add_workflow(
        self,
        workflow: Workflow,
        changes: Changes,
        before: Indexed,
        after: Indexed,
        now_ms: int,
        name_trace: NameTrace | None = None,
    ) -> None:
        """Everything that changed in one workflow. `name_trace` says by which trace a new run is to be found."""
        keys, workflow_id, snapshot = self._keys, workflow.subject, workflow.snapshot
        self._changed[workflow_id] = None
        if snapshot.run or snapshot.waiting:
            stored = encode_snapshot(snapshot)
            self.stored_bytes[workflow_id] = len(stored)
            self.write("SET", keys.workflow(workflow_id), "string", (stored,))
        else:
            self.add("DEL", keys.workflow(workflow_id), "string")
        if changes.journal:
            self._add_journal(workflow_id, changes, before.schedule.run, name_trace)
        if changes.held or changes.rewrite_held:
            self._add_held(workflow, changes)
        if changes.pages:
            self._add_pages(keys.seen(workflow_id), changes, len(workflow.pages))
        if before.schedule != after.schedule or changes.exports or changes.carried:
            self._add_schedules(workflow_id, changes, before, after, now_ms)
        if before.listing != after.listing:
            self.index(workflow_id, before.listing, after.listing)
        if changes.exports:
            self._exports += [OutboxItem(workflow_id, *export) for export in changes.exports]
        if changes.endings:
            self.endings += changes.endings
        if changes.messages:
            self.outgoing.send(changes.messages)
        for dead in changes.dead:
            self.add_dead(dead)

    def index(self, workflow_id: str, before: Listing | None, after: Listing | None) -> None:
        """Bring the indexes from what they say of a workflow to what they are to say."""
        gone, put = differences(workflow_id, before, after)
        keys, named = self._keys, self._indexes
        for name, member in gone:
            self.unrank(keys.index(name), member)
        for (name, member), rank in put.items():
            key = named.get(name)
            if key is None:
                key = named[name] = keys.index(name)
            self.rank(key, member, rank)

    def add_trace(self, workflow_id: str, run: int, trace_id: str) -> None:
        """Let a run be found by its trace id (hexadecimal digits)."""
        digits = bytes.fromhex(trace_id)
        self.add("HSET", self._keys.traces(digits), "hash", trace_member(digits, workflow_id, run), "")

    def forget_run(self, workflow_id: str, run: int, trace_id: str | None) -> None:
        """Remove a run's journal, and what was kept for its trace."""
        keys = self._keys
        self._changed[workflow_id] = None
        self.add("DEL", keys.journal(workflow_id, run), "list")
        self.add("DEL", keys.trace(workflow_id, run), "string")
        if trace_id is not None:
            digits = bytes.fromhex(trace_id)
            self.add("HDEL", keys.traces(digits), "hash", trace_member(digits, workflow_id, run))

    def add_dead(self, dead: Dead) -> None:
        """An event that goes to the dead letters."""
        self.add(
            "XADD",
            self._keys.dead,
            "stream",
            "*",
            "reason",
            dead.reason,
            "field",
            dead.field,
            "detail",
            dead.detail.encode(errors="replace"),
            "position",
            dead.event.position,
            "event",
            encode_event(dead.event),
        )

    def arguments(self, cursor: bytes, read: int, etag: bytes) -> tuple[list[bytes], list[Argument | int]]:
        """KEYS and ARGV of the script that moves the cursor and sets the next etag."""
        if self._exports:
            self.add("XADD", self._keys.outbox, "stream", "*", "b", encode_items(self._exports))
            self._exports = []
        if self.outgoing:
            self.add("XADD", self._keys.messages, "stream", "*", *self.outgoing.fields())
        if self._changed:
            tell = ("MAXLEN", "~", str(CHANGES_KEPT), "*", "w", _pack(list(self._changed)))
            self.add("XADD", self._keys.changes, "stream", *tell)
            self._changed = {}
        if self._indexes:
            self.add_each("SADD", self._keys.indexes, "set", list(self._indexes))
            self._indexes = {}
        lease = self.lease
        fence = (lease.nonce, lease.etag, lease.cursor)
        commands = self.commands()
        return self.keys, [*fence, etag, cursor, read, self.types, *commands]

    def _add_journal(self, workflow_id: str, changes: Changes, run_before: int, name_trace: NameTrace | None) -> None:
        journals: dict[int, list[bytes]] = {}
        for run, entry in changes.journal:
            journals.setdefault(run, []).append(entry)
        for run, entries in journals.items():
            self.add_each("RPUSH", self._keys.journal(workflow_id, run), "list", entries)
            if run > run_before and name_trace is not None:
                begun = read_beginning(entries, workflow_id)
                if begun is not None:
                    self.add_trace(workflow_id, run, name_trace(workflow_id, *begun))

    def _add_held(self, workflow: Workflow, changes: Changes) -> None:
        key = self._keys.waiting(workflow.subject)
        if changes.rewrite_held:
            self.replace_list(key, [_pack(held) for held in workflow.held])
        else:
            self.add_each("RPUSH", key, "list", [_pack(held) for held in changes.held])

    def _add_pages(self, key: bytes, changes: Changes, kept: int) -> None:
        alone = len(changes.pages) == 1
        regrown = changes.regrown and kept > len(changes.pages)  # else all that is there goes, once the new ones are
        if regrown:
            self.add("LTRIM", key, "list", "0", "-2")
        self.add_each("RPUSH", key, "list", changes.pages)
        if not (regrown and alone):
            self.add("LTRIM", key, "list", str(-kept), "-1")

    def _add_schedules(self, workflow_id: str, changes: Changes, before: Indexed, after: Indexed, now_ms: int) -> None:
        keys, member = self._keys, workflow_id
        was, to_be = before.schedule, after.schedule
        goes_on = was.running and to_be.running and was.run == to_be.run
        parts = any(not last for _, _, last in changes.exports)
        if to_be.running and (parts or (after.comes_of_age_unseen(now_ms) and not goes_on)):
            self.add("ZADD", keys.open, "zset", str(now_ms + PART_AGE_MS), member)
        elif was.running and not goes_on and (before.in_parts or before.comes_of_age_unseen(now_ms)):
            self.add("ZREM", keys.open, "zset", member)
        for run in [*changes.carried, *(run for run, _, last in changes.exports if last)]:
            self.add("ZADD", keys.ended, "zset", str(UNDELIVERED), run_member(workflow_id, run))
        for key, old, new in (
            (keys.held, was.expires_ms, to_be.expires_ms),
            (keys.deadlines, was.due_ms, to_be.due_ms),
            (keys.parked, 0 if was.parked else None, 0 if to_be.parked else None),
        ):
            if old == new:
                continue
            if new is None:
                self.add("ZREM", key, "zset", member)
            else:
                self.add("ZADD", key, "zset", str(new), member)
