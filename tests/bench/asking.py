"""Asking an HTTP server: requests one after another at even times, and streams of server-sent events that are read."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from tests.bench.population import PORTFOLIOS, REGIONS
from tests.bench.scenario import STATES

CONNECTIONS = 8


def paths(workflows: int) -> Mapping[str, Iterator[str]]:
    """Endless paths of each kind of request, over workflows of a population."""
    choose = random.Random(2)

    def forever(make: Callable[[], str]) -> Iterator[str]:
        while True:
            yield make()

    def portfolio() -> str:
        return f"attr.portfolio=FX-{choose.randrange(PORTFOLIOS)}"

    return {
        "one": forever(lambda: f"/workflows/w-{choose.randrange(workflows)}"),
        "all": forever(lambda: "/workflows"),
        "status": forever(lambda: f"/workflows?status={choose.choice(('running', 'ok'))}&machine=bench"),
        "state": forever(lambda: f"/workflows?machine=bench&state={choose.choice(STATES)}"),
        "attribute": forever(lambda: f"/workflows?{portfolio()}"),
        "together": forever(
            lambda: f"/workflows?status=running&{portfolio()}&attr.region={choose.choice(REGIONS)}&limit=20"
        ),
        "rare": forever(lambda: f"/workflows?state={choose.choice(STATES)}&{portfolio()}&status=running"),
        "nothing": forever(lambda: "/workflows?attr.portfolio=none&status=running"),
    }


async def ask_evenly(port: int, paths: Iterator[str], count: int, pause_seconds: float) -> list[float]:
    """Seconds that each of `count` answers took, from when its request was due. Raises RuntimeError for one but 200."""
    waiting: asyncio.Queue[tuple[float, str]] = asyncio.Queue()
    took: list[float] = []

    async def work() -> None:
        async with _connected(port) as (reader, writer):
            while True:
                due, path = await waiting.get()
                await _ask(reader, writer, path)
                took.append(time.monotonic() - due)
                waiting.task_done()

    workers = [asyncio.create_task(work()) for _ in range(CONNECTIONS)]
    begin = time.monotonic() + 0.1
    for number in range(count):
        due = begin + number * pause_seconds
        await asyncio.sleep(due - time.monotonic())
        waiting.put_nowait((due, next(paths)))
    joined = asyncio.create_task(waiting.join())
    await asyncio.wait({joined, *workers}, return_when=asyncio.FIRST_COMPLETED)
    for worker in workers:
        if worker.done():
            worker.result()
        worker.cancel()
    await asyncio.gather(joined, *workers, return_exceptions=True)
    return took


async def watch(
    port: int, watchers: int, redis_url: str, stream: str, events: int, pause_seconds: float
) -> list[float]:
    """Seconds from the XADD of each event until each of the watchers of a list had read of it."""
    sent: dict[bytes, float] = {}
    took: list[float] = []

    async def read(ready: asyncio.Event) -> None:
        async with _connected(port) as (reader, writer):
            writer.write(b"GET /watch?machine=bench HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            await reader.readuntil(b"\n\n")
            ready.set()
            seen: set[bytes] = set()
            while len(seen) < events:
                line = await reader.readuntil(b"\n")
                name = line.partition(b'"id":"')[2].partition(b'"')[0] if line.startswith(b"data:") else b""
                if name in sent and name not in seen:
                    seen.add(name)
                    took.append(time.monotonic() - sent[name])

    readies = [asyncio.Event() for _ in range(watchers)]
    reading = [asyncio.create_task(read(ready)) for ready in readies]
    async with asyncio.timeout(60):
        for ready in readies:
            await ready.wait()
    client: Any = Redis.from_url(redis_url)
    for number in range(events):
        name = f"{stream}-{number}"
        fields = {"id": "1", "type": "com.example.bench.submitted", "subject": name, "data": '{"portfolio":"FX-1"}'}
        sent[name.encode()] = time.monotonic()
        await client.xadd(stream, fields)
        await asyncio.sleep(pause_seconds)
    async with asyncio.timeout(60):
        await asyncio.gather(*reading)
    await client.aclose()
    return took


@asynccontextmanager
async def _connected(port: int) -> Any:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"{path}: {head[:40]!r} {body[:300]!r}")
