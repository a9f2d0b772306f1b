"""`python -m tests.bench.polling`: what one poller costs that asks for thousands of workflows, and how late it is."""

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

from machines.catalog import load_catalog
from machines.instants import format_instant
from streams.client import connect
from streams.ingress import Router, emit
from streams.keys import Keys
from streams.layout import settle_partitions
from streams.worker import Worker, WorkerOptions
from tests.bench.processes import python, started
from tests.support.servers import VALKEY, free_port, running
from tests.support.waiting import wait_for

PARTITIONS = 16
STAGES = ("DataLoader", "Processor", "OutputGenerator")
MACHINE = {
    "machine": "polled",
    "version": 1,
    "starts_on": ["com.example.polled.submitted"],
    "source": {
        "url": "${SYSTEM_URL}/workflows/{id}",
        "interval": "10s",
        "concurrency": 32,
        "events": [
            {"each": "entities[*]", "when": "startTime", "type": "com.example.{name}_started", "time": "startTime"},
            {"each": "entities[*]", "when": "endTime", "type": "com.example.{name}_ended", "time": "endTime"},
        ],
    },
    "chart": {
        "states": {
            "submitted": {"transitions": [{"event": "DataLoader_started", "target": "loading"}]},
            "loading": {"transitions": [{"event": "DataLoader_ended", "target": "loaded"}]},
            "loaded": {"transitions": [{"event": "Processor_started", "target": "done"}]},
            "done": {"final": True},
        }
    },
}


def answer(asked: int) -> bytes:
    """The answer of a system: always another text, since it says when it was asked, and two facts that stay."""
    entities = [{"name": name, "status": "Initializing", "startTime": None, "endTime": None} for name in STAGES]
    entities[0] |= {"status": "Completed", "startTime": "2026-11-22T16:00:01Z", "endTime": "2026-11-22T16:05:00Z"}
    body = json.dumps({"asked": asked, "status": "Processing", "entities": entities}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class _System(asyncio.Protocol):
    asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._read = transport, b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while b"\r\n\r\n" in self._read:
            self._read = self._read.partition(b"\r\n\r\n")[2]
            _System.asked += 1
            self._transport.write(answer(_System.asked))


async def serve(port: int) -> None:
    """Answer until killed."""
    server = await asyncio.get_running_loop().create_server(_System, "127.0.0.1", port)
    await server.serve_forever()


def main() -> int:
    """Measure, and print a line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.polling", description=__doc__)
    parser.add_argument("--workflows", type=int, default=5_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve))
        return 0
    with tempfile.TemporaryDirectory(prefix="longspan-bench-") as folder:
        print(json.dumps(measure(Path(folder), options.workflows, options.seconds)))
    return 0


def measure(room: Path, workflows: int, seconds: float) -> dict[str, float]:
    """CPU share of the poller, requests a second, how late they were at most, and memory (MB) at begin and end."""
    document = room / "polled.json"
    document.write_text(json.dumps(MACHINE))
    port, health = free_port(), free_port()
    (room / "redis").mkdir()
    with running(VALKEY, room / "redis") as server:
        worker, router = _populate(server.url, str(document), workflows)
        environment = {
            **os.environ,
            "LONGSPAN_REDIS_URL": server.url,
            "LONGSPAN_SOURCE_VARIABLES": "SYSTEM_URL",
            "LONGSPAN_HEALTH": str(health),
            "SYSTEM_URL": f"http://127.0.0.1:{port}",
        }
        serving = python("tests.bench.polling", "--serve", str(port))
        polling = python("longspan", "poll", "--machines", str(document))
        with (
            started(serving, environment, room / "system.log"),
            started(polling, environment, room / "poll.log") as group,
        ):
            wait_for(lambda: _scrape(health).get("asked", 0) >= 2 * workflows, 120, every_seconds=0.5)
            while router.step(0) or worker.step(0):
                pass
            before, cpu, begin = _scrape(health), group.cpu_seconds(), time.monotonic()
            wait_for(lambda: time.monotonic() - begin >= seconds, seconds + 60, every_seconds=0.2)
            after, took = _scrape(health), time.monotonic() - begin
            share = (group.cpu_seconds() - cpu) / took
    late = {bound: after[bound] - before[bound] for bound in after if bound.startswith("late<=")}
    return {
        "workflows": workflows,
        "requests_a_second": round((after["asked"] - before["asked"]) / took, 1),
        "cpu_share": round(share, 3),
        "memory_begin_mb": round(before["memory"] / 1e6, 1),
        "memory_end_mb": round(after["memory"] / 1e6, 1),
        "events_sent": after["sent"],
        **late,
    }


def _populate(url: str, document: str, workflows: int) -> tuple[Worker, Router]:
    keys = Keys()
    client = connect(url)
    settle_partitions(client, keys, PARTITIONS)
    catalog = load_catalog([document])
    worker = Worker(lambda: connect(url), keys, PARTITIONS, catalog, WorkerOptions(), lambda: time.time_ns() // 10**6)
    router = Router(connect(url), keys, PARTITIONS)
    now = format_instant(time.time_ns() - 3_600 * 10**9)
    for start in range(0, workflows, 1_000):
        numbers = range(start, min(start + 1_000, workflows))
        emit(
            client,
            keys,
            (
                {
                    b"id": b"s",
                    b"type": b"com.example.polled.submitted",
                    b"subject": b"wf-%d" % number,
                    b"time": now.encode(),
                }
                for number in numbers
            ),
        )
    while router.step(0):
        pass
    while worker.step(0):
        pass
    return worker, router


def _scrape(port: int) -> dict[str, float]:
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
            text = response.read().decode()
    except OSError:
        return {}
    found = {"asked": sum(map(float, re.findall(r"^longspan_poll_answers_total\{.*\} (\S+)$", text, re.MULTILINE)))}
    for bound, count in re.findall(r'^longspan_poll_lateness_seconds_bucket\{le="(\S+)"\} (\S+)$', text, re.MULTILINE):
        found[f"late<={bound}"] = float(count)
    for name, pattern in (
        ("memory", r"^process_resident_memory_bytes (\S+)"),
        ("sent", r'events_total\{result="sent"\} (\S+)'),
    ):
        (found[name],) = map(float, re.findall(pattern, text, re.MULTILINE))
    return found


if __name__ == "__main__":
    sys.exit(main())
