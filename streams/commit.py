"""The commit: everything that a batch of events changed in one partition, written by one script or not at all."""

from collections.abc import Iterable, Sequence

import msgspec

from machines.changes import Changes, Dead, Limits
from machines.events import encode_event
from machines.snapshot import encode_snapshot
from machines.workflow import Workflow
from streams.client import Client
from streams.errors import FencedError, KeyTypeError
from streams.keys import PartitionKeys, run_member
from streams.lease import Lease, make_token
from streams.outbox import OutboxItem, encode_items
from streams.schedule import score
from streams.scripts import COMMIT

PART_AGE_MS = 24 * 3_600_000
ARGUMENTS = 1_000  # of one command; Lua unpacks fewer than 8,000
UNDELIVERED = 9_000_000_000_000_000  # the score in `ended` of a run whose trace has not been delivered yet

_pack = msgspec.msgpack.Encoder().encode
Argument = bytes | str


class Indexed(msgspec.Struct, frozen=True):
    """What the partition's indexes say of a workflow; a commit writes only what changed."""

    run: int
    running: bool
    expires_ms: int | None
    due_ms: int | None
    parked: bool


def index(workflow: Workflow, limits: Limits) -> Indexed:
    """What the indexes are to say of a workflow."""
    snapshot = workflow.snapshot
    return Indexed(
        snapshot.run,
        snapshot.status == "running",
        workflow.expires_ms(limits) if workflow.held else None,
        score(workflow),
        workflow.is_parked,
    )


class Commit:
    """Commands for one partition, collected and then written at once."""

    def __init__(self, keys: PartitionKeys, lease: Lease) -> None:
        self._keys = keys
        self._lease = lease
        self._positions: dict[bytes, int] = {keys.meta: 1, keys.events: 2}
        self._types: list[str] = []
        self._commands: list[Argument | int] = []
        self._removed: dict[bytes, dict[bytes, None]] = {}  # members of sorted sets
        self._deleted: dict[bytes, None] = {}
        self._exports: list[OutboxItem] = []

    def add(self, command: str, key: bytes, kind: str, *arguments: Argument) -> None:
        """A command on one key, which must hold `kind` or nothing.

        What ZREM and DEL take away goes last, once for each key: while a cluster moves the slot, a script that touches
        a key again which it has emptied fails there, half-way.
        """
        position = self._positions.get(key)
        if position is None:
            position = self._positions[key] = len(self._positions) + 1
            self._types.append(kind)
        if command == "ZREM":
            self._removed.setdefault(key, {}).update(dict.fromkeys(map(_encoded, arguments)))
        elif command == "DEL":
            self._deleted[key] = None
        else:
            assert key not in self._deleted, f"{key!r} is deleted by this commit"
            if command == "ZADD" and arguments[0] != "XX":
                for member in arguments[1::2]:
                    self._removed.get(key, {}).pop(_encoded(member), None)
            self._commands += (len(arguments), position, command, *arguments)

    def replace_list(self, key: bytes, items: Sequence[Argument]) -> None:
        """Put items into a list in place of what it holds, which never is empty on the way."""
        if items:
            self.add_each("RPUSH", key, "list", items)
            self.add("LTRIM", key, "list", str(-len(items)), "-1")
        else:
            self.add("DEL", key, "list")

    def add_each(self, command: str, key: bytes, kind: str, arguments: Sequence[Argument]) -> None:
        """A command that takes any number of arguments, in several where Lua could not unpack them at once."""
        for start in range(0, len(arguments), ARGUMENTS):
            self.add(command, key, kind, *arguments[start : start + ARGUMENTS])

    def add_workflow(self, workflow: Workflow, changes: Changes, before: Indexed, after: Indexed, now_ms: int) -> None:
        """Everything that changed in one workflow."""
        keys, workflow_id = self._keys, workflow.subject
        if workflow.snapshot.run or workflow.snapshot.waiting:
            self.add("SET", keys.workflow(workflow_id), "string", encode_snapshot(workflow.snapshot))
        else:
            self.add("DEL", keys.workflow(workflow_id), "string")
        journals: dict[int, list[bytes]] = {}
        for run, entry in changes.journal:
            journals.setdefault(run, []).append(entry)
        for run, entries in journals.items():
            self.add_each("RPUSH", keys.journal(workflow_id, run), "list", entries)
        self._add_held(workflow, changes)
        for page in changes.pages:
            self.add("RPUSH", keys.seen(workflow_id), "list", page)
        if changes.pages:
            self.add("LTRIM", keys.seen(workflow_id), "list", str(-len(workflow.pages)), "-1")
        self._add_indexes(workflow_id, changes, before, after, now_ms)
        self._exports.extend(OutboxItem(workflow_id, *export) for export in changes.exports)
        for dead in changes.dead:
            self.add_dead(dead)

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
        commands = list(self._commands)
        for key, members in self._removed.items():
            listed = list(members)
            for start in range(0, len(listed), ARGUMENTS):
                part = listed[start : start + ARGUMENTS]
                commands += (len(part), self._positions[key], "ZREM", *part)
        for key in self._deleted:
            commands += (0, self._positions[key], "DEL")
        lease = self._lease
        fence = (lease.nonce, lease.etag, lease.cursor)
        return list(self._positions), [*fence, etag, cursor, read, " ".join(self._types), *commands]

    def _add_held(self, workflow: Workflow, changes: Changes) -> None:
        key = self._keys.waiting(workflow.subject)
        if changes.rewrite_held:
            self.replace_list(key, [_pack(held) for held in workflow.held])
        else:
            self.add_each("RPUSH", key, "list", [_pack(held) for held in changes.held])

    def _add_indexes(self, workflow_id: str, changes: Changes, before: Indexed, after: Indexed, now_ms: int) -> None:
        keys, member = self._keys, workflow_id
        parts = any(not last for _, _, last in changes.exports)
        if after.running and (parts or (after.run, True) != (before.run, before.running)):
            self.add("ZADD", keys.open, "zset", str(now_ms + PART_AGE_MS), member)
        elif before.running and not after.running:
            self.add("ZREM", keys.open, "zset", member)
        for run, _, last in changes.exports:
            if last:
                self.add("ZADD", keys.ended, "zset", str(UNDELIVERED), run_member(workflow_id, run))
        for key, old, new in (
            (keys.held, before.expires_ms, after.expires_ms),
            (keys.deadlines, before.due_ms, after.due_ms),
            (keys.parked, 0 if before.parked else None, 0 if after.parked else None),
        ):
            if old == new:
                continue
            if new is None:
                self.add("ZREM", key, "zset", member)
            else:
                self.add("ZADD", key, "zset", str(new), member)


def _encoded(member: Argument) -> bytes:
    return member if isinstance(member, bytes) else member.encode()


def run_commits(client: Client, commits: Iterable[tuple[int, Commit, bytes, int]]) -> dict[int, Exception | None]:
    """Run the commits of several partitions, (partition, commit, cursor, entries read) each, in one round trip.

    What became of each partition: None for committed, FencedError, KeyTypeError, or what Redis said. A committed
    lease is moved on. Raises redis.RedisError when the connection failed: then nobody knows what was committed.
    """
    listed = [(partition, commit, cursor, read, make_token()) for partition, commit, cursor, read in commits]
    calls = [commit.arguments(cursor, read, etag) for _, commit, cursor, read, etag in listed]
    outcomes: dict[int, Exception | None] = {}
    for (partition, commit, cursor, _, etag), reply in zip(listed, COMMIT.call_each(client, calls), strict=True):
        if isinstance(reply, Exception):
            outcomes[partition] = reply
        elif reply[0] == b"committed":
            commit._lease.etag, commit._lease.cursor = etag, cursor
            outcomes[partition] = None
        elif reply[0] == b"type":
            outcomes[partition] = KeyTypeError(reply[1], reply[2].decode(), reply[3].decode())
        else:
            outcomes[partition] = FencedError(partition)
    return outcomes
