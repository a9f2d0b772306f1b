"""The API: what its answers cost while a million workflows are in Redis and a worker has all it can do."""

import asyncio
import contextlib
import itertools
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.request import urlopen

from machines.catalog import load_catalog
from streams.client import connect
from streams.keys import Keys
from tests.bench.asking import ask_evenly, paths, watch
from tests.bench.footprint import backlog
from tests.bench.measurement import PATIENCE_SECONDS, Bench, append, wait_for_key
from tests.bench.population import populate
from tests.bench.processes import Group, python, started
from tests.bench.scenario import EVENTS_PER_WORKFLOW, events, workflow
from tests.support.servers import free_port

WATCHERS = 100
WRK_CONNECTIONS = 16
PAUSES_SECONDS = {"one": 0.01}  # between two requests whose times are taken
PAUSE_SECONDS = 0.05  # the same for lists
BACKLOG = 400_000  # events in front of the worker when requests begin
SCRAPE_SECONDS = 1.1  # between two scrapes: so long one look into Redis serves
NEEDED = ("wrk", "taskset")
_PINNED = ("taskset", "-c")
NAMES = {
    "one": ("`GET /workflows/{id}`", "10 ms"),
    "all": ("`GET /workflows`, the newest 100", "50 ms"),
    "status": ("by machine and status", "50 ms"),
    "state": ("by machine and state", "50 ms"),
    "attribute": ("by an attribute", "50 ms"),
    "together": ("by status and two attributes, 20 of them", "50 ms"),
    "rare": ("by state, attribute and status", "50 ms"),
    "nothing": ("by an attribute that none has", "50 ms"),
}


def measure(bench: Bench, workflows: int, requests: int) -> dict[str, list[float]]:
    """Seconds of each answer by kind of request, of `watch` and of a `scrape`; `rate` is answers a second."""
    prefix, port = "api", free_port()
    worker, environment, stream = bench.longspan(prefix)
    begin = time.monotonic()
    with connect(bench.server.url) as connected:
        catalog = load_catalog([str(bench.machines)])
        populate(connected, prefix, catalog, range(workflows), lambda written: tell(f"{written:,} workflows are there"))
    tell(f"written in {time.monotonic() - begin:.0f} s")
    serve = python("longspan", "api", "--port", str(port), "--machines", str(bench.machines))
    took: dict[str, list[float]] = {}
    with started([*_PINNED, "0", *serve], environment, bench.logs / "api-pinned.log") as api:
        wait_until_ready(port, api)
        took["rate"] = [_wrk(port, bench.logs, workflows)]
        tell(f"{took['rate'][0]:,.0f} answers a second")
    with started(serve, environment, bench.logs / "api.log") as api:
        wait_until_ready(port, api)
        took["scrape"] = asyncio.run(ask_evenly(port, itertools.repeat("/metrics"), 10, SCRAPE_SECONDS))
        with started(worker, environment, bench.logs / "api-worker.log") as group:
            with bench.client() as client:
                append(client, stream, workflow("warm", 0, time.time_ns()))
                wait_for_key(client, Keys(prefix), "warm", group)
            took["watch"] = asyncio.run(watch(port, WATCHERS, bench.server.url, stream, 100, 0.05))
            tell(f"watch: {told(took['watch'])}")
            for kind, chosen in paths(workflows).items():
                group.freeze()
                _fill(bench, stream, kind)
                group.thaw()
                took[kind] = asyncio.run(ask_evenly(port, chosen, requests, PAUSES_SECONDS.get(kind, PAUSE_SECONDS)))
                tell(f"{kind}: {told(took[kind])}{_left(bench, stream)}")
    return took


def table(took: Mapping[str, Sequence[float]], workflows: int) -> str:
    """A Markdown table of what was measured, beside its limits."""
    lines = [
        f"| the API beside {workflows:,} workflows and a worker under full load | p50 | p99 | limit of p99 |",
        "|---|--:|--:|--:|",
    ]
    for kind, (name, limit) in NAMES.items():
        lines.append(f"| {name} | {_ms(took[kind], 50)} | {_ms(took[kind], 99)} | {limit} |")
    lines += [
        "",
        "| the API, the worker idle | measured | limit |",
        "|---|--:|--:|",
        f"| answers to `GET /workflows/{{id}}` a second, one process on one core | {took['rate'][0]:,.0f} | 1,000 |",
        f"| `XADD` until {WATCHERS} watchers of a list have it, p50 | {_ms(took['watch'], 50)} | |",
        f"| the same, p95 | {_ms(took['watch'], 95)} | 100 ms |",
        f"| a scrape of its metrics | {_ms(took['scrape'], 50)} | |",
    ]
    return "\n".join(lines)


def told(took: Sequence[float]) -> str:
    """Times in short."""
    return f"p50 {_ms(took, 50)}, p95 {_ms(took, 95)}, p99 {_ms(took, 99)}"


def tell(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


def _ms(took: Sequence[float], percent: int) -> str:
    return f"{statistics.quantiles(took, n=100)[percent - 1] * 1_000:.1f} ms"


def _fill(bench: Bench, stream: str, kind: str) -> None:
    """Put more in front of the worker than it can do meanwhile."""
    with bench.client() as client:
        missing = BACKLOG - client.xlen(stream)
        if missing > 0:
            append(client, stream, events(missing // EVENTS_PER_WORKFLOW, f"load-{kind}"))


def _left(bench: Bench, stream: str) -> str:
    with bench.client() as client:
        return "" if backlog(client, Keys(stream.partition(":")[0]), stream) else " (the worker had nothing to do)"


def wait_until_ready(port: int, group: Group) -> None:
    """Wait until the API serves. Raises RuntimeError when it never does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        group.alive()
        with contextlib.suppress(OSError):
            if urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10).status == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the API was not ready after {PATIENCE_SECONDS} s")


def _wrk(port: int, room: Path, workflows: int) -> float:
    """Answers a second, as wrk counts them. Raises RuntimeError where one was an error."""
    (room / "wrk.lua").write_text(
        f'request = function() return wrk.format("GET", "/workflows/w-" .. math.random(0, {workflows - 1})) end\n'
    )
    command = [*_PINNED, "1", "wrk", "-t1", f"-c{WRK_CONNECTIONS}", "-d8s", "-s", str(room / "wrk.lua")]
    done = subprocess.run([*command, f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(done.stdout)
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])
