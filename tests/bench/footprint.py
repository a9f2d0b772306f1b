"""Memory: what an open workflow takes in Redis, and what a worker and its streams have come to after a long load."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from streams.keys import Keys
from tests.bench.figures import Figures, percentile
from tests.bench.measurement import PATIENCE_SECONDS, Bench
from tests.bench.processes import Group, started
from tests.bench.scenario import EVENTS_PER_WORKFLOW, SPANS_PER_WORKFLOW, STATES, Fields, document, events

OPEN = "open"  # the machine whose workflows stay open behind their tenth event
EVENT_BYTES = 150
FILL = 25_000  # workflows before memory is looked at: more than a worker keeps (LONGSPAN_CACHE)
RETENTION = "1m"  # of workflows that have ended under load, or an hour of it would fill Redis
_AHEAD = 20_000  # events that lie before the worker while it is under load
_EVERY_SECONDS = 0.25
_SETTLED_SECONDS = 5.0
_STREAMS = ("events", "outbox", "messages", "dead", "refused", "changes")


def in_redis(bench: Bench, prefix: str, workflows: int, tell: Callable[[str], None]) -> Figures:
    """Bytes in Redis for each of that many open workflows with ten events of EVENT_BYTES, everything included."""
    (bench.machines / f"{OPEN}.json").write_text(json.dumps(_document()))
    command, environment, stream = bench.longspan(prefix)
    keys = Keys(prefix)
    with bench.client() as client:
        with started(command, environment, bench.logs / f"{prefix}-first.log") as group:
            _send(bench, stream, 0, 1)
            _wait_for_state(client, keys, 1, group)
        before = int(client.info("memory")["used_memory"])
        with started(command, environment, bench.logs / f"{prefix}.log") as group:
            for start in range(1, workflows, 1_000):
                _send(bench, stream, start, min(1_000, workflows - start))
            _wait_for_state(client, keys, workflows, group)
        used = int(client.info("memory")["used_memory"]) - before
        tell(f"{used / (workflows - 1):,.0f} bytes for an open workflow: {_weigh_keys(client, keys, workflows)}")
    return Figures({"bytes_per_workflow": [used / (workflows - 1)]})


def under_load(bench: Bench, prefix: str, seconds: float, tell: Callable[[str], None]) -> Figures:
    """Resident memory (MB) of a worker's processes in the first and last tenth of a load, and what streams hold then.

    The load is looked at when the worker has as many workflows in memory as it keeps.
    """
    command, settings, stream = bench.longspan(prefix)
    environment = {**settings, "LONGSPAN_RETENTION": RETENTION}
    samples: list[float] = []
    bench.collector.clear()
    sent = 0
    with started(command, environment, bench.logs / f"{prefix}.log") as group, bench.client() as client:
        begin: float | None = None
        while begin is None or time.monotonic() - begin < seconds:
            if backlog(client, Keys(prefix), stream) < _AHEAD:
                bench.append(stream, events(_AHEAD // EVENTS_PER_WORKFLOW, f"load-{sent}"))
                sent += _AHEAD // EVENTS_PER_WORKFLOW
            if begin is not None:
                samples.append(group.resident_bytes() / 1e6)
            if begin is None and sent >= FILL:
                begin = time.monotonic()
            time.sleep(_EVERY_SECONDS)
            bench.collector.trim()
        bench.collector.wait_for(sent * SPANS_PER_WORKFLOW, group)
        left = _lengths(client, Keys(prefix), stream)
    tenth = max(1, len(samples) // 10)
    first, last = percentile(samples[:tenth], 50), percentile(samples[-tenth:], 50)
    figures = Figures({"resident_first": [first], "resident_last": [last], "resident_growth": [last / first]})
    figures.take(
        {"load_events": [float(sent * EVENTS_PER_WORKFLOW)], **{f"left:{name}": [n] for name, n in left.items()}}
    )
    tell(f"resident memory {first:.1f} MB, {last:.1f} MB after {sent * EVENTS_PER_WORKFLOW:,} events; left: {left}")
    return figures


def _document() -> dict[str, Any]:
    """The plain chart with one state more."""
    made: dict[str, Any] = document(OPEN)
    states = made["chart"]["states"]
    states[STATES[-1]]["transitions"] = [{"event": "done", "target": "written"}]
    states["written"] = {"transitions": [{"event": "closed", "target": "done"}]}
    return made


def padded(fields: Fields) -> Fields:
    """The event with so much more data that its attributes, names and values, come to EVENT_BYTES."""
    missing = EVENT_BYTES - sum(map(len, (*fields, *fields.values()))) - len(',"note":""')
    return {**fields, "data": f'{fields["data"][:-1]},"note":"{"." * missing}"}}'}


def _send(bench: Bench, stream: str, start: int, count: int) -> None:
    made = events(count, f"w-{start:06d}", machine=OPEN)
    bench.append(stream, [padded(fields) for fields in made])


def _weigh_keys(client: Any, keys: Keys, workflows: int) -> str:
    """Bytes for each workflow by kind of key, the largest first."""
    kinds: Counter[str] = Counter()
    for found in _in_thousands(client.scan_iter(f"{keys.prefix}:*", count=1_000)):
        pipeline = client.pipeline(transaction=False)
        for key in found:
            pipeline.memory_usage(key, samples=0)
        for key, used in zip(found, pipeline.execute(), strict=True):
            kinds[key.rpartition(b"}:")[2].partition(b":")[0].decode()] += used or 0
    return ", ".join(f"{kind} {used / workflows:,.0f}" for kind, used in kinds.most_common(8))


def _in_thousands(keys: Iterable[bytes]) -> Iterator[list[bytes]]:
    walked = iter(keys)
    while found := list(islice(walked, 1_000)):
        yield found


def _wait_for_state(client: Any, keys: Keys, count: int, group: Group) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    name = f"in:{OPEN}:written".encode()
    while time.monotonic() < deadline:
        group.alive()
        partitions = int(client.hget(keys.layout, "partitions") or 0)
        if sum(client.zcard(keys.of(number).index(name)) for number in range(partitions)) >= count:
            return
        time.sleep(0.05)
    raise RuntimeError(f"there were never {count} workflows in the last state under {keys.prefix}")


def backlog(client: Any, keys: Keys, stream: str) -> int:
    """Entries that are not folded yet, in the ingress stream and behind the router."""
    partitions = int(client.hget(keys.layout, "partitions") or 0)
    return int(client.xlen(stream)) + sum(int(client.xlen(keys.of(number).events)) for number in range(partitions))


def _lengths(client: Any, keys: Keys, stream: str) -> dict[str, float]:
    """Entries in the ingress stream, and in each kind of stream in all partitions together.

    The last answers of the endpoint are given time to empty the outbox.
    """
    partitions = int(client.hget(keys.layout, "partitions") or 0)
    deadline = time.monotonic() + _SETTLED_SECONDS
    while any(client.xlen(keys.of(number).outbox) for number in range(partitions)) and time.monotonic() < deadline:
        time.sleep(_EVERY_SECONDS)
    found = {"ingress": float(client.xlen(stream))}
    for kind in _STREAMS:
        found[kind] = float(sum(client.xlen(getattr(keys.of(number), kind)) for number in range(partitions)))
    return found
