"""What one event weighs: the bytes that Longspan's worker reads from Redis and sends to it for one, by real commits."""

import time
from collections.abc import Iterable, Sequence
from functools import partial
from hashlib import sha1
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from machines.catalog import load_catalog
from spans.own_trace import own_trace
from streams.client import Client, Servers, connect
from streams.exchange import Answered, Command
from streams.ingress import Router, emit
from streams.keys import Keys, PartitionKeys
from streams.layout import settle_partitions
from streams.worker import Worker, WorkerOptions
from tests.bench.scenario import EVENTS_PER_WORKFLOW, NAMESPACE, events

_COMMIT = sha1(files("streams").joinpath("lua", "commit.lua").read_bytes(), usedforsecurity=False).hexdigest()


class Weight(msgspec.Struct, frozen=True):
    """Bytes for one event: `entry` is read, all others are arguments of the commit, which add up to `sent`.

    `rest` is what is neither a record of a journal nor a snapshot nor an entry of `outbox` or `changes`: names of keys
    and commands, members of indexes, the fence. `events_per_commit` says how many events one commit has, and
    `snapshots` how many it writes for one event: those of one workflow in one commit share one.
    """

    events_per_commit: float
    snapshots: float
    entry: float
    journal: float
    snapshot: float
    outbox: float
    changes: float
    rest: float

    @property
    def sent(self) -> float:
        """All that a commit sends."""
        return self.journal + self.snapshot + self.outbox + self.changes + self.rest


class _Scale:
    """Servers that count the bytes of commits and of what is read of streams."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self.sent = self.read = self.commits = 0

    def send(self, commands: Sequence[Command]) -> list[Any]:
        replies = self._servers.send(commands)
        for command, reply in zip(commands, replies, strict=True):
            if command[0] == "EVALSHA" and command[1] == _COMMIT:
                self.commits += 1
                self.sent += _weigh(command[2:])
            elif command[0] == "XREAD" and isinstance(reply, list):
                self.read += _weigh(reply)
        return replies

    def begin(self, commands: Sequence[Command]) -> Answered:
        return Answered(self.send(commands))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._servers, name)


def _weigh(part: object) -> int:
    if isinstance(part, list | tuple):
        return sum(map(_weigh, part))
    return len(part) if isinstance(part, bytes) else len(str(part).encode())


def weigh(url: str, machines: Path, prefix: str, workflows: int, events_per_commit: float) -> Weight:
    """Fold events of the plain chart with a worker in this process, in commits of that size, and count."""
    keys, count = Keys(prefix), workflows * EVENTS_PER_WORKFLOW
    with connect(url) as client:
        partitions = settle_partitions(client, keys, None)
        emit(client, keys, _as_bytes(events(workflows, "weighed")))
        router = Router(client, keys, partitions)
        while router.step(0):
            pass
        counted = connect(url)
        scale = counted.servers = _Scale(counted.servers)
        options = WorkerOptions(batch=max(1, round(events_per_commit)), name_trace=partial(own_trace, NAMESPACE))
        catalog = load_catalog([str(machines)])
        worker = Worker(lambda: counted, keys, partitions, catalog, options, lambda: time.time_ns() // 10**6)
        client.call("CONFIG", "RESETSTAT")
        while worker.step(0) or sum(worker.results.values()) < count:
            pass
        writes = int(client.call_all([("INFO", "commandstats")])[0].partition(b"cmdstat_set:calls=")[2].split(b",")[0])
        owned = [keys.of(number) for number in range(partitions)]
        journal = sum(_stored(client, partition, b"journal:", "LRANGE") for partition in owned) / count
        each = sum(_stored(client, partition, b"workflow:", "GET") for partition in owned) / workflows
        outbox = sum(_weigh(_fields(client, partition.outbox)) for partition in owned) / count
        changed = [fields for partition in owned for fields in _fields(client, partition.changes)]
        counted.close()
    changes = _weigh(changed) / len(changed) * scale.commits / count
    snapshot, sent = each * writes / count, scale.sent / count
    rest = sent - journal - snapshot - outbox - changes
    return Weight(count / scale.commits, writes / count, scale.read / count, journal, snapshot, outbox, changes, rest)


def _as_bytes(entries: Iterable[dict[str, str]]) -> Iterable[dict[bytes, bytes]]:
    return ({name.encode(): text.encode() for name, text in fields.items()} for fields in entries)


def _stored(client: Client, partition: PartitionKeys, kind: bytes, command: str) -> int:
    """Bytes in the keys of workflows of that kind."""
    names = client.call("KEYS", partition.tag.replace(b"{", b"[{]").replace(b"}", b"[}]") + kind + b"*")
    end = (0, -1) if command == "LRANGE" else ()
    return _weigh(client.call_all((command, name, *end) for name in names))


def _fields(client: Client, stream: bytes) -> list[Any]:
    return [fields for _, fields in client.call("XRANGE", stream, "-", "+")]
