"""The measurements: throughput, latency, what an idle worker costs, and how soon a started one has done something."""

import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from json import loads
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from redis import Redis

from streams.keys import Keys, partition_of
from tests.bench import ceiling
from tests.bench.processes import Group, python, started
from tests.bench.scenario import EVENTS_PER_WORKFLOW, MACHINE, NAMESPACE, SPANS_PER_WORKFLOW, events, workflow
from tests.oracle.spans import span_hex, trace_hex
from tests.support.servers import Server

PATIENCE_SECONDS = 120.0


class Collector:
    """The endpoint process, and what it has received."""

    def __init__(self, process: "Popen[str]") -> None:
        assert process.stdout is not None
        self._connection = HTTPConnection("127.0.0.1", int(process.stdout.readline()))

    @property
    def endpoint(self) -> str:
        """What OTEL_EXPORTER_OTLP_ENDPOINT has to be."""
        return f"http://127.0.0.1:{self._connection.port}"

    def clear(self) -> None:
        """Forget everything."""
        self._ask("DELETE", "/")

    def wait_for(self, spans: int, group: Group) -> float:
        """When the last of `spans` spans was accepted (monotonic). Raises RuntimeError when they do not come."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (state := self._ask("GET", "/"))["spans"] < spans:
            group.alive()
            if time.monotonic() > deadline:
                raise RuntimeError(f"{state['spans']} of {spans} spans came in {PATIENCE_SECONDS} s\n{group.log}")
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
            yield Collector(process)
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

    def handwritten(self, prefix: str) -> tuple[list[str], Mapping[str, str], str]:
        """The same of the hand-written worker."""
        stream = f"{prefix}:events"
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.endpoint}
        return python("tests.bench.handwritten", self.server.url, stream), environment, stream

    def throughput(self, contestant: tuple[list[str], Mapping[str, str], str], workflows: int) -> float:
        """Events a second, from thawing a warm worker before a full stream to the last span accepted."""
        command, environment, stream = contestant
        name = stream.partition(":")[0]
        self.collector.clear()
        with started(command, environment, self.logs / f"{name}.log") as group, self.client() as client:
            append(client, stream, events(50, "warm"))
            self.collector.wait_for(50 * SPANS_PER_WORKFLOW, group)
            backlog = events(workflows, "run")
            group.freeze()
            append(client, stream, backlog)
            begin = time.monotonic()
            group.thaw()
            spans = (50 + workflows) * SPANS_PER_WORKFLOW
            seconds = self.collector.wait_for(spans, group) - begin
        distinct = len({span for _, span, _ in self.collector.spans()})
        if distinct != spans:
            raise RuntimeError(f"{name}: {distinct} distinct spans of {spans}")
        return workflows * EVENTS_PER_WORKFLOW / seconds

    def ceiling(self, prefix: str, workflows: int) -> float:
        """Events a second that redis-py moves."""
        stream = f"{prefix}:events"
        with self.client() as client:
            append(client, stream, events(workflows, "run"))
            return workflows * EVENTS_PER_WORKFLOW / ceiling.move(client, stream, workflows * EVENTS_PER_WORKFLOW)

    def calm(self, prefix: str, seconds: float, idle_seconds: float) -> dict[str, float]:
        """Latency in ms at 100 events/s for `seconds`, then what the idle worker uses, and how soon it had started."""
        command, environment, stream = self.longspan(prefix)
        self.collector.clear()
        with self.client() as client:
            append(client, stream, workflow("first", 0, time.time_ns()))
            with started(command, environment, self.logs / f"{prefix}.log") as group:
                folded = wait_for_key(client, Keys(prefix), "first", group) - group.begun
                traced = self.collector.wait_for(SPANS_PER_WORKFLOW, group) - group.begun
                sent = _send_evenly(client, stream, round(seconds * 100 / EVENTS_PER_WORKFLOW))
                self.collector.wait_for((len(sent) + 1) * SPANS_PER_WORKFLOW, group)
                accepted = {span: at for at, span, _ in self.collector.spans()}
                time.sleep(1.0)  # what the last export left to tidy up is not idling
                used, at = group.cpu_seconds(), time.monotonic()
                time.sleep(idle_seconds)
                idle = (group.cpu_seconds() - used) / (time.monotonic() - at)
                resident, processes = group.resident_bytes(), group.count()
        latencies = sorted((accepted[_workflow_span(subject)] - at) * 1_000 for subject, at in sent.items())
        cuts = statistics.quantiles(latencies, n=100)
        return {
            "start_seconds": folded,
            "first_trace_seconds": traced,
            "latency_p50_ms": cuts[49],
            "latency_p99_ms": cuts[98],
            "idle_percent_of_a_core": idle * 100,
            "resident_megabytes": resident / 1_000_000,
            "processes": processes,
        }

    def client(self) -> "Redis":
        """A client of the server."""
        return self.server.client()


def _workflow_span(subject: str) -> str:
    return span_hex(trace_hex(NAMESPACE, MACHINE, subject, 1), "", 0)


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


def append(client: "Redis", stream: str, entries: list[dict[str, str]]) -> None:
    """Put entries into a stream."""
    for begin in range(0, len(entries), 1_000):
        pipeline: Any = client.pipeline(transaction=False)
        for fields in entries[begin : begin + 1_000]:
            pipeline.execute_command("XADD", stream, "*", *(part for pair in fields.items() for part in pair))
        pipeline.execute()


def _send_evenly(client: Any, stream: str, workflows: int) -> dict[str, float]:
    """Send an event every 10 ms; when the last event of each workflow had been sent (monotonic)."""
    last: dict[str, float] = {}
    begin = time.monotonic()
    for number, fields in enumerate(events(workflows, "calm", open_at_once=20)):
        time.sleep(max(0.0, begin + number / 100 - time.monotonic()))
        last[fields["subject"]] = time.monotonic()
        client.execute_command("XADD", stream, "*", *(part for pair in fields.items() for part in pair))
    return last
