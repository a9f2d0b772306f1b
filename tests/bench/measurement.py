"""Where measurements run, and how fast events go through a worker, with what each process used for one."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from json import loads
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from redis import Redis

from streams.keys import Keys, partition_of
from tests.bench.processes import Group, cpu_seconds, python, started
from tests.bench.scenario import MACHINE, NAMESPACE, SPANS_PER_WORKFLOW, events
from tests.support.servers import Server

PATIENCE_SECONDS = 120.0
WARM = 50  # workflows that a worker has run before it is measured


@dataclass(frozen=True)
class Run:
    """How fast events went through, and the processor time (us) of each process for one of them."""

    events_per_second: float
    cpu_us: Mapping[str, float]


class Collector:
    """The endpoint process, and what it has received."""

    def __init__(self, process: "Popen[str]") -> None:
        assert process.stdout is not None
        self.pid = process.pid
        self._connection = HTTPConnection("127.0.0.1", int(process.stdout.readline()))

    @property
    def endpoint(self) -> str:
        """What OTEL_EXPORTER_OTLP_ENDPOINT has to be."""
        return f"http://127.0.0.1:{self._connection.port}"

    def clear(self) -> None:
        """Forget everything."""
        self._ask("DELETE", "/")

    def trim(self) -> None:
        """Forget all requests but the last; spans stay counted."""
        self._ask("DELETE", "/requests")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def count(self) -> int:
        """How many spans it has accepted."""
        return int(self._ask("GET", "/")["spans"])

    def wait_for(self, spans: int, *groups: Group) -> float:
        """When the last of `spans` spans was accepted (monotonic). Raises RuntimeError when they do not come."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (state := self._ask("GET", "/"))["spans"] < spans:
            for group in groups:
                group.alive()
            if time.monotonic() > deadline:
                logs = " ".join(str(group.log) for group in groups)
                raise RuntimeError(f"{state['spans']} of {spans} spans came in {PATIENCE_SECONDS} s\n{logs}")
            time.sleep(0.02)
        return float(state["last"])

    def spans(self) -> list[tuple[float, str, str]]:
        """Time of acceptance, span id and parent id of every span."""
        return [(at, span, parent) for at, span, parent in self._ask("GET", "/spans")]

    def _ask(self, method: str, path: str) -> Any:
        self._connection.request(method, path)
        return loads(self._connection.getresponse().read() or b"null")


@contextmanager
def collecting() -> Iterator[Collector]:
    """An endpoint process until the block ends."""
    with Popen(python("tests.bench.endpoint"), stdout=PIPE, text=True) as process:
        try:
            with closing(Collector(process)) as collector:
                yield collector
        finally:
            process.kill()


@dataclass(frozen=True)
class Bench:
    """Where measurements run: one server, one endpoint, the machine document, room for logs."""

    server: Server
    collector: Collector
    machines: Path
    logs: Path

    def longspan(self, prefix: str) -> tuple[list[str], Mapping[str, str], str]:
        """Command, environment and ingress stream of Longspan's worker under a key prefix."""
        environment = {
            "LONGSPAN_REDIS_URL": self.server.url,
            "LONGSPAN_PREFIX": prefix,
            "LONGSPAN_NAMESPACE": NAMESPACE,
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.endpoint,
        }
        return python("longspan", "worker", "--machines", str(self.machines)), environment, f"{prefix}:events"

    def handwritten(self, prefix: str, machine: str = MACHINE) -> tuple[list[str], Mapping[str, str], str]:
        """The same of the hand-written worker of a machine."""
        stream = f"{prefix}:events"
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.endpoint}
        return python("tests.bench.handwritten", self.server.url, stream, machine), environment, stream

    def throughput(
        self, contestant: tuple[list[str], Mapping[str, str], str], workflows: int, machine: str = MACHINE
    ) -> Run:
        """From thawing a warm worker before a full stream to the last span accepted."""
        command, environment, stream = contestant
        name = stream.partition(":")[0]
        self.collector.clear()
        with started(command, environment, self.logs / f"{name}.log") as group:
            self.append(stream, events(WARM, "warm", machine=machine))
            self.collector.wait_for(WARM * SPANS_PER_WORKFLOW, group)
            backlog = events(workflows, "run", machine=machine)
            group.freeze()
            self.append(stream, backlog)
            run = self.clocked([group], len(backlog), (WARM + workflows) * SPANS_PER_WORKFLOW)
        self.check_spans(name, (WARM + workflows) * SPANS_PER_WORKFLOW)
        return run

    def clocked(
        self, groups: Sequence[Group], count: int, spans: int, turn: Callable[[Group], None] | None = None
    ) -> Run:
        """Thaw workers that have `count` events before them, and wait until `spans` spans are there.

        With `turn` one after the other: each is thawed until that has returned, and frozen again.
        """
        before, begin = self.cpu(groups), time.monotonic()
        while turn is not None and self.collector.count() < spans:
            for group in groups:
                group.thaw()
                turn(group)
                group.freeze()
        for group in groups:
            group.thaw()
        seconds = self.collector.wait_for(spans, *groups) - begin
        used = {process: after - before[process] for process, after in self.cpu(groups).items()}
        return Run(count / seconds, {process: each / count * 1e6 for process, each in used.items()})

    def check_spans(self, name: str, spans: int) -> None:
        """Raises RuntimeError where a span is missing or came twice."""
        distinct = len({span for _, span, _ in self.collector.spans()})
        if distinct != spans:
            raise RuntimeError(f"{name}: {distinct} distinct spans of {spans}")

    def cpu(self, groups: Sequence[Group]) -> dict[str, float]:
        """Processor time (seconds) that Redis, the endpoint and each process of the workers have used so far."""
        used = {"Redis": cpu_seconds(self.server.pid), "endpoint": cpu_seconds(self.collector.pid)}
        for number, group in enumerate(groups, 1):
            names = (f"worker {number}", f"carrier {number}") if len(groups) > 1 else ("worker", "carrier")
            used |= {name: cpu_seconds(pid) for name, pid in zip(names, group.pids(), strict=False)}
        return used

    def append(self, stream: str, entries: Sequence[Mapping[str, str]]) -> None:
        """Put entries into a stream."""
        with self.client() as client:
            append(client, stream, entries)

    def client(self) -> "Redis":
        """A client of the server."""
        return self.server.client()


def wait_for_key(client: Any, keys: Keys, subject: str, group: Group) -> float:
    """When the workflow's snapshot was there (monotonic): its first event has been processed."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        group.alive()
        partitions = int(client.hget(keys.layout, "partitions") or 0)
        if partitions and client.exists(keys.of(partition_of(subject, partitions)).workflow(subject)):
            return time.monotonic()
        time.sleep(0.005)
    raise RuntimeError(f"workflow {subject} was not there after {PATIENCE_SECONDS} s")


def append(client: "Redis", stream: str, entries: Sequence[Mapping[str, str]]) -> None:
    """Put entries into a stream."""
    for begin in range(0, len(entries), 1_000):
        pipeline: Any = client.pipeline(transaction=False)
        for fields in entries[begin : begin + 1_000]:
            pipeline.execute_command("XADD", stream, "*", *(part for pair in fields.items() for part in pair))
        pipeline.execute()
