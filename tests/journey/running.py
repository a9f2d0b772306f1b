"""The worker as a process of its own, and the entries that are sent to it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis

from longspan.receiver import Receiver
from streams.keys import Keys, PartitionKeys
from tests.oracle.fold import Entry
from tests.support.servers import Reachable

NAMESPACE = "proof"
_ELSEWHERE = Path(__file__).parent / "elsewhere"


class WorkerProcess:
    """`longspan worker` in a session of its own, so that it can be killed with all the processes that it starts."""

    def __init__(
        self, server: Reachable, receiver: Receiver, prefix: str, machines: Path, log: Path, **settings: str
    ) -> None:
        self.log = log
        self._command = [sys.executable, "-m", "longspan", "worker", "--machines", str(machines)]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LONGSPAN_", "OTEL_"))}
        self._environment = inherited | {
            "LONGSPAN_REDIS_URL": server.url,
            "LONGSPAN_PREFIX": prefix,
            "LONGSPAN_NAMESPACE": NAMESPACE,
            "LONGSPAN_NICE": "0",
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._groups: list[int] = []

    def start(self) -> None:
        """Start it; does not wait for it."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdout=output, stderr=output, start_new_session=True
            )
        self._groups.append(self._process.pid)

    def kill(self) -> None:
        """kill -9, all of it, and what former kills have left."""
        for group in self._groups:
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._groups = []
        if self._process is not None:
            self._process.wait(20)
            self._process = None

    def kill_parent(self) -> None:
        """kill -9 of the first process only: the others have to notice."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(20)
        self._process = None

    def kill_exporter(self) -> None:
        """kill -9 of the processes that the first one has started, if it has come to that."""
        self._signal_children(signal.SIGKILL)

    def suspend(self) -> None:
        """SIGSTOP, all of it."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)

    def suspend_exporter(self) -> None:
        """SIGSTOP of the processes that the first one has started."""
        self._signal_children(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT, all of it."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGCONT)

    def terminate(self) -> None:
        """Ask it to end, as an operator would."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def stop(self, seconds: float = 20) -> int:
        """Ask it to end and wait that long; its exit status."""
        self.terminate()
        return self.wait(seconds)

    def wait(self, seconds: float = 20) -> int:
        """Wait that long until it has ended; its exit status."""
        assert self._process is not None
        status = self._process.wait(seconds)
        self._process = None
        return status

    @property
    def ended(self) -> int | None:
        """The exit status if it has ended by itself."""
        return self._process.poll() if self._process else None

    @property
    def pids(self) -> list[int]:
        """The first process, and those that it has started."""
        assert self._process is not None
        own = self._process.pid
        children = Path(f"/proc/{own}/task/{own}/children")
        return [own, *map(int, children.read_text().split() if children.exists() else ())]

    def check(self) -> None:
        """AssertionError, with what it printed, when it has ended by itself."""
        assert self._process is not None
        assert self._process.poll() is None, f"the worker ended:\n{self.log.read_text()[-3_000:]}"

    def _signal_children(self, number: signal.Signals) -> None:
        for child in self.pids[1:]:
            try:
                os.kill(child, number)
            except ProcessLookupError:
                continue


def on_host(name: str) -> dict[str, str]:
    """Settings of a worker that is to believe that it runs on a machine of this name: it cannot see others die then."""
    path = os.pathsep.join(part for part in (str(_ELSEWHERE), os.environ.get("PYTHONPATH", "")) if part)
    return {"PYTHONPATH": path, "ELSEWHERE": name}


@contextmanager
def worker(
    server: Reachable, receiver: Receiver, prefix: str, machines: Path, room: Path, **settings: str
) -> Iterator[WorkerProcess]:
    """A running worker until the block ends."""
    process = WorkerProcess(server, receiver, prefix, machines, room / "worker.log", **settings)
    process.start()
    try:
        yield process
    finally:
        process.kill()


def send(client: "Redis", prefix: str, entries: Iterable[Mapping[str, str]]) -> list[Entry]:
    """Append entries to the ingress stream as any producer may; what stands there now."""
    entries = list(entries)
    pipeline: Any = client.pipeline(transaction=False)
    for fields in entries:
        pipeline.execute_command("XADD", f"{prefix}:events", "*", *(part for pair in fields.items() for part in pair))
    positions = pipeline.execute()
    return [Entry(position.decode(), fields) for position, fields in zip(positions, entries, strict=True)]


def is_drained(client: "Redis", prefix: str) -> bool:
    """Whether everything sent so far has been routed, folded and delivered."""
    keys = Keys(prefix)
    partitions = int(client.hget(keys.layout, "partitions") or 0)
    if not partitions or client.xlen(keys.events):
        return False
    pipeline = client.pipeline(transaction=False)
    for owned in map(keys.of, range(partitions)):
        pipeline.hget(owned.meta, "cursor")
        pipeline.xrevrange(owned.events, count=1)
        pipeline.xlen(owned.outbox)
    answers = pipeline.execute()
    for cursor, newest, waiting in zip(answers[::3], answers[1::3], answers[2::3], strict=True):
        if waiting or (newest and newest[0][0] != cursor):
            return False
    return True


def has_deadlines(client: "Redis", prefix: str, until_ms: int) -> bool:
    """Whether deadlines that were due by then (milliseconds since the epoch) have not passed yet."""
    return any(client.zcount(owned.deadlines, "-inf", until_ms) for owned in _partitions(client, prefix))


def dead_letters(client: "Redis", prefix: str) -> list[dict[str, str]]:
    """The plain fields of every dead letter."""
    return [fields for owned in _partitions(client, prefix) for fields in _texts(client, owned.dead)]


def refused_spans(client: "Redis", prefix: str) -> list[dict[str, str]]:
    """The plain fields of every span that was set aside."""
    return [fields for owned in _partitions(client, prefix) for fields in _texts(client, owned.refused)]


def _partitions(client: "Redis", prefix: str) -> list[PartitionKeys]:
    keys = Keys(prefix)
    return [keys.of(partition) for partition in range(int(client.hget(keys.layout, "partitions") or 0))]


def _texts(client: "Redis", stream: bytes) -> list[dict[str, str]]:
    entries: Any = client.xrange(stream)
    return [{name.decode(): value.decode(errors="replace") for name, value in fields.items()} for _, fields in entries]
