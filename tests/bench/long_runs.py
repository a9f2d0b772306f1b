"""Long runs: workflows that have had many events, and parents that have many children, copied from ones that grew."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from opentelemetry.sdk.trace import SpanLimits

from machines.catalog import Catalog, load_catalog
from machines.changes import Changes, Limits
from machines.events import Event, encode_event
from machines.instants import format_instant
from machines.messages import CHILD_ENDED, CHILD_STARTED, ChildEnded, ChildStarted, deliver, make_message
from machines.snapshot import decode_snapshot
from machines.workflow import Workflow
from spans.answer import Delivered
from spans.export import Exporter
from spans.own_trace import own_trace
from streams.client import connect
from streams.commit import Commit
from streams.committing import run_commits
from streams.indexed import index
from streams.ingress import Router, emit
from streams.keys import Keys, PartitionKeys, partition_of
from streams.layout import settle_partitions
from streams.lease import claim, renew
from streams.outbox import Outbox
from streams.worker import Worker, WorkerOptions
from tests.bench.scenario import NAMESPACE

PARTITIONS = 4
WHOLE, PROGRESSIVE, PARENT = "whole", "progressive", "parent"
KINDS = (WHOLE, PROGRESSIVE, PARENT)
GROWTH = 500  # events that are sent at once while a workflow grows
_BEGIN_MS = 1_795_363_200_000
_LEASE_MS = 600_000
_POSITION = f"{_BEGIN_MS}-0"


class Template(NamedTuple):
    """A workflow of a `kind` that has had `events`, of which copies are made. `name` begins the keys it is kept under.

    `length` is what it is called by: its events, or a parent's children.
    """

    kind: str
    length: int
    events: int

    @property
    def name(self) -> str:
        """Unique among templates."""
        return f"{self.kind}-{self.length}"

    def key(self, kind: str) -> bytes:
        """Where Redis has the key of that kind."""
        return f"template:{self.name}:{kind}".encode()


def write_documents(directory: Path) -> Catalog:
    """The machines: two states that lead to one another, so that a run goes on as long as one likes."""
    for kind in KINDS:
        document: dict[str, object] = {
            "machine": kind,
            "version": 1,
            "starts_on": [f"com.example.{kind}.begun"],
            "attributes": ["portfolio"],
            "export": PROGRESSIVE if kind == PROGRESSIVE else "complete",
            "chart": {
                "states": {
                    "ping": {"transitions": [{"event": "pong", "target": "pong"}, {"event": "end", "target": "done"}]},
                    "pong": {"transitions": [{"event": "ping", "target": "ping"}]},
                    "done": {"final": True},
                }
            },
        }
        if kind == PARENT:
            document |= {"attributes": ["parts"], "children": {"ping": {"expected": "parts", "send": "end"}}}
        (directory / f"{kind}.json").write_text(json.dumps(document))
    return load_catalog([str(directory / f"{kind}.json") for kind in KINDS])


def make_entry(kind: str, subject: str, number: int) -> dict[bytes, bytes]:
    """The event of that number, from 0: the start, then to one state and the other."""
    name = "begun" if number == 0 else ("ping", "pong")[number % 2]
    data = {"parts": 10**6} if kind == PARENT else {"portfolio": f"FX-{number % 100}"}
    return {
        b"id": b"e-%d" % number,
        b"source": b"/bench",
        b"type": f"com.example.{kind}.{name}".encode(),
        b"subject": subject.encode(),
        b"time": format_instant(_BEGIN_MS * 10**6 + number * 1_000).encode(),
        b"data": json.dumps(data, separators=(",", ":")).encode(),
    }


def make_message_to(subject: str, number: int) -> Event:
    """The message of that number, from 0, to a parent: a child starts, and ends with the next one."""
    child, at_ns = f"shard-{number // 2:06}", _BEGIN_MS * 10**6
    if number % 2 == 0:
        event = make_message(CHILD_STARTED, f"child.started:1:{child}", subject, at_ns, ChildStarted(child, "shard", 1))
    else:
        ended = ChildEnded(child, "shard", 1, "ok", 1, "ping", 1, at_ns, 5, 3, 600, False)
        event = make_message(CHILD_ENDED, f"child.ended:1:{child}", subject, at_ns, ended)
    return deliver(event, _POSITION)


class _Always:
    def take_up(self) -> Mapping[int, bytes]:
        return dict.fromkeys(range(PARTITIONS), b"")

    def allows(self, held: Mapping[int, bytes]) -> bool:
        return True


class _Taking:
    def send(self, spans: Sequence[bytes]) -> Delivered:
        return Delivered("")


class Yard:
    """A prefix with all that works on it, step by step in this process. `cache` is the worker's."""

    def __init__(self, url: str, prefix: str, catalog: Catalog, cache: int) -> None:
        self._url, self._catalog, self._cache = url, catalog, cache
        self.client = connect(url)
        self.keys = Keys(prefix)
        settle_partitions(self.client, self.keys, PARTITIONS)
        self._stop = threading.Event()
        self._router = Router(self.client, self.keys, PARTITIONS)
        self._worker: Worker | None = None
        self._exporter = Exporter(
            Outbox(self.client, self.keys, PARTITIONS),
            _Always(),
            _Taking(),
            NAMESPACE,
            SpanLimits(),
            now_ms=_now_ms,
            spread=lambda: 1.0,
        )

    def of(self, subject: str) -> PartitionKeys:
        """The keys of a workflow's partition."""
        return self.keys.of(partition_of(subject, PARTITIONS))

    def begin(self) -> None:
        """A new worker that has nothing in memory, in place of the one before."""
        self.client.call("DEL", self.keys.workers)
        for number in range(PARTITIONS):
            self.client.call("HDEL", self.keys.of(number).meta, "until")
        options = WorkerOptions(cache=self._cache, name_trace=lambda *begun: own_trace(NAMESPACE, *begun))
        self._worker = Worker(lambda: connect(self._url), self.keys, PARTITIONS, self._catalog, options, _now_ms)
        self.work({})

    def start(self, kind: str) -> None:
        """Begin the workflow that is called as its kind."""
        emit(self.client, self.keys, [make_entry(kind, kind, 0)])
        self.work({})

    def send(self, kind: str, numbers: Sequence[tuple[str, int]]) -> None:
        """The events of (workflow, number), each by the way that its kind takes."""
        if kind != PARENT:
            emit(self.client, self.keys, [make_entry(kind, *one) for one in numbers])
            return
        messages = [make_message_to(*one) for one in numbers]
        self.client.call_all(("XADD", self.of(one.subject).events, "*", "e", encode_event(one)) for one in messages)

    def work(self, used: dict[str, float]) -> None:
        """Route, fold and export all that waits; adds processor seconds to `worker`, `exporter` and `Redis`."""
        assert self._worker is not None, "it has begun"
        worker, before = self._worker, self._redis_seconds()
        steps: list[tuple[str, Callable[[], object]]] = [
            ("worker", lambda: self._router.step(0)),
            ("worker", lambda: worker.step(0)),
            ("exporter", lambda: self._exporter.drain_once(self._stop, 1)),
        ]
        for name, step in steps:
            begin = time.process_time()
            while step():
                pass
            used[name] = used.get(name, 0.0) + time.process_time() - begin
        used["Redis"] = used.get("Redis", 0.0) + self._redis_seconds() - before

    def keep(self, subject: str, template: Template) -> None:
        """Copy a workflow's keys to those of a template."""
        for kind, key in self._own(subject):
            self.client.call("COPY", key, template.key(kind), "REPLACE")

    def plant(self, subject: str, template: Template) -> None:
        """Let a workflow be there that is a copy of a template, in the indexes as well. No worker may be at work."""
        number, limits = partition_of(subject, PARTITIONS), Limits()
        lease = claim(self.client, self.keys.of(number), "bench", _LEASE_MS)
        assert lease is not None, "nobody works there"
        workflow = Workflow(subject, decode_snapshot(self.client.call("GET", template.key("workflow"))))
        commit = Commit(self.keys.of(number), lease)
        commit.add_workflow(workflow, Changes(), index(Workflow(subject), limits), index(workflow, limits), _BEGIN_MS)
        outcome = run_commits(self.client, [(number, commit, lease.cursor, 0)])[number]
        assert outcome is None, outcome
        renew(self.client, {self.keys.of(number): lease}, 0)
        self.client.call("COPY", template.key("journal"), self.of(subject).journal(subject, 1))

    def reset(self, subject: str, template: Template) -> None:
        """Make a copy what it was when it was planted; its places in the indexes stay, those of its states recur."""
        for kind, key in self._own(subject):
            if kind == "journal":
                self.client.call("LTRIM", key, 0, self.client.call("LLEN", template.key(kind)) - 1)
            else:
                self.client.call_all([("DEL", key), ("COPY", template.key(kind), key)])

    def close(self) -> None:
        """Close the connection."""
        self.client.close()

    def _own(self, subject: str) -> list[tuple[str, bytes]]:
        keys = self.of(subject)
        return [
            ("workflow", keys.workflow(subject)),
            ("journal", keys.journal(subject, 1)),
            ("seen", keys.seen(subject)),
            ("trace", keys.trace(subject, 1)),
        ]

    def _redis_seconds(self) -> float:
        told = dict(line.split(":") for line in self.client.call("INFO", "cpu").decode().split() if ":" in line)
        return sum(float(told[f"used_cpu_{kind}_main_thread"]) for kind in ("user", "sys"))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
