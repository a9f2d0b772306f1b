"""A prefix of its own in a real server, with workers and routers driven by hand at a time of the test's own."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from machines.catalog import Catalog, load_catalog
from machines.changes import Limits
from machines.instants import format_instant
from machines.journal import Header, Record
from streams.client import Client, connect
from streams.deadletters import DeadLetter, list_dead_letters
from streams.ingress import Router, emit
from streams.keys import Keys, PartitionKeys, partition_of
from streams.outbox import Acknowledgement, Outbox, OutboxEntry
from streams.routing import Routing
from streams.status import WorkflowView, find_workflow, read_journal
from streams.worker import Worker, WorkerOptions
from tests.support.probe import Probe

PARTITIONS = 4
START_MS = 1_795_363_200_000  # 2026-11-22T16:00:00Z
JOB: dict[str, Any] = {
    "machine": "job",
    "version": 1,
    "starts_on": ["com.example.job.started"],
    "attributes": ["label"],
    "deadlines": {"paused": {"after": "10m", "send": "expire"}},
    "outcomes": {"done": "ok", "failed": "error", "expired": "timeout"},
    "chart": {
        "states": {
            "running": {
                "transitions": [
                    {"event": "paused", "target": "paused"},
                    {"event": "finished", "target": "done"},
                    {"event": "failed", "target": "failed"},
                ]
            },
            "paused": {
                "transitions": [{"event": "resumed", "target": "running"}, {"event": "expire", "target": "expired"}]
            },
            "done": {"final": True},
            "failed": {"final": True},
            "expired": {"final": True},
        }
    },
}


class Site:
    """Everything that one test sees of Longspan. `now_ms` is what its workers take for the time."""

    def __init__(self, url: str, prefix: str, folder: Path) -> None:
        self.url = url
        self.keys = Keys(prefix)
        self.now_ms = START_MS
        self.still: AbstractContextManager[object] = nullcontext()  # while it lasts, no key moves
        self._folder = folder
        self._clients: list[Client] = []
        self.client = Probe(url)
        self._clients.append(self.client)
        self.catalog = self.load(JOB)
        self._numbers = 0

    def connect(self) -> Client:
        """A client that is closed with the site."""
        client = connect(self.url)
        self._clients.append(client)
        return client

    def load(self, *documents: dict[str, Any]) -> Catalog:
        """The machines of documents."""
        paths = []
        for document in documents:
            path = self._folder / f"{document['machine']}-{document['version']}.json"
            path.write_text(json.dumps(document))
            paths.append(str(path))
        return load_catalog(paths)

    def worker(
        self, connect: Callable[[], Client] | None = None, catalog: Catalog | None = None, **options: Any
    ) -> Worker:
        """A worker; `options` are those of WorkerOptions and Limits."""
        limits = {name: options.pop(name) for name in Limits.__dataclass_fields__ if name in options}
        chosen = WorkerOptions(limits=Limits(**limits), **options)
        return Worker(
            connect or self.connect, self.keys, PARTITIONS, catalog or self.catalog, chosen, lambda: self.now_ms
        )

    @contextmanager
    def running(self, worker: Worker) -> Iterator[None]:
        """A router and the worker at work by themselves; both have ended behind it."""
        stop = threading.Event()
        routing = Routing(self.connect, self.keys, PARTITIONS, WorkerOptions().lease_ms, lambda: self.now_ms)
        threads = [threading.Thread(target=run, args=(stop,)) for run in (routing.run, worker.run)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(10)
                assert not thread.is_alive()

    def router(self, client: Client | None = None) -> Router:
        """A router."""
        return Router(client or self.connect(), self.keys, PARTITIONS)

    def event(self, subject: str, name: str, **attributes: str) -> dict[bytes, bytes]:
        """A healthy entry of the job; its id is new unless given, its time a second after the last one's."""
        self._numbers += 1
        fields = {
            "id": f"e-{self._numbers}",
            "type": f"com.example.job.{name}",
            "subject": subject,
            "time": format_instant((START_MS + self._numbers * 1_000) * 1_000_000),
        } | attributes
        return {key.encode(): value.encode() for key, value in fields.items()}

    def emit(self, *entries: dict[bytes, bytes]) -> list[bytes]:
        """Put entries into the ingress stream."""
        return emit(self.client, self.keys, entries)

    def route(self) -> None:
        """Route everything that is in the ingress stream."""
        router = self.router()
        while router.step(0):
            pass

    def settle(self, worker: Worker) -> None:
        """Route everything, then let the worker fold until nothing is left."""
        self.route()
        while worker.step(0):
            pass

    def pass_ms(self, worker: Worker, ms: int) -> None:
        """Let time pass for the worker, and let it see to what is due then."""
        self.now_ms += ms
        while worker.step(0):
            pass

    def end_leases(self) -> None:
        """Let every lease be one that has run out, and every worker one that is not there."""
        self.client.delete(self.keys.workers)
        for partition in range(PARTITIONS):
            if self.client.exists(self.keys.of(partition).meta):
                self.client.call("HSET", self.keys.of(partition).meta, "until", 0)

    def of(self, subject: str) -> PartitionKeys:
        """The keys of a workflow's partition."""
        return self.keys.of(partition_of(subject, PARTITIONS))

    def view(self, subject: str) -> WorkflowView | None:
        """The workflow as it stands."""
        return find_workflow(self.client, self.keys, PARTITIONS, subject)

    def status(self, subject: str) -> str | None:
        """Its status, or None where there is no such workflow."""
        view = self.view(subject)
        return view.snapshot.status if view else None

    def records(self, subject: str, run: int | None = None) -> list[Record]:
        """What its journal says."""
        journal = read_journal(self.client, self.keys, PARTITIONS, subject, run)
        return journal[1] if journal else []

    def journal(self, subject: str, run: int) -> tuple[Header, list[Record]]:
        """The journal of a run that there is."""
        found = read_journal(self.client, self.keys, PARTITIONS, subject, run)
        assert found is not None
        return found

    def letters(self) -> list[DeadLetter]:
        """All dead letters."""
        return list_dead_letters(self.client, self.keys, PARTITIONS)

    def outbox(self) -> list[OutboxEntry]:
        """All that waits for export."""
        return Outbox(self.client, self.keys, PARTITIONS).read(dict.fromkeys(range(PARTITIONS), b"0-0"), 10_000, 0)

    def deliver(self) -> None:
        """Acknowledge the whole outbox, as an exporter does."""
        outbox = Outbox(self.client, self.keys, PARTITIONS)
        for entry in self.outbox():
            ended = [item for item in entry.items if item.last]
            outbox.acknowledge(entry.partition, Acknowledgement([entry.entry_id], [], ended), self.now_ms)

    def keyspace(self) -> dict[bytes, object]:
        """Everything under the prefix, byte for byte; hashes and sets as such: a move to another node stirs them."""
        with self.still:
            names = sorted(self.client.scan_iter(match=f"{self.keys.prefix}:*", count=1_000))
            kinds = self.client.call_all(["TYPE", name] for name in names)
            return {
                name: self._read_stirred(name, kind) if kind in (b"hash", b"set") else self.client.call("DUMP", name)
                for name, kind in zip(names, kinds, strict=True)
            }

    def _read_stirred(self, name: bytes, kind: bytes) -> object:
        return self.client.hgetall(name) if kind == b"hash" else set(self.client.smembers(name))

    def close(self) -> None:
        """Close every client."""
        for client in self._clients:
            client.close()
