"""Scale-out: two workers against one, by the processor time that an event takes of them, and by the clock."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from streams.client import connect
from streams.ingress import Router
from streams.keys import Keys
from streams.layout import read_partitions
from tests.bench.figures import Figures
from tests.bench.measurement import PATIENCE_SECONDS, WARM, Bench, Run
from tests.bench.processes import Group, started
from tests.bench.scenario import EVENTS_PER_WORKFLOW, SPANS_PER_WORKFLOW, events

WORKERS = 2
LEASE = "2m"  # longer than any of them is frozen


def measure(bench: Bench, prefix: str, rounds: int, workflows: int, tell: Callable[[str], None]) -> Figures:
    """One worker, then WORKERS, round after round: with all events in their partitions already, and in the ingress
    stream.

    `scale_out` is what WORKERS would do to one if none shared a core with anything: how many times the work of one
    fits into their time, from the processor time of all processes of theirs for an event. Each of them has its turn,
    the others frozen meanwhile: processes that share two cores cost each other what they would not on machines of
    their own. `scale_routed_too` is with the router's work, and all at once.
    """
    figures = Figures()
    for number in range(rounds):
        for name, routed in (("scale_out", True), ("scale_routed_too", False)):
            one = _run(bench, f"{prefix}-{name}-one-{number}", 1, workflows, routed=routed)
            more = _run(bench, f"{prefix}-{name}-more-{number}", WORKERS, workflows, routed=routed)
            figures.add(name, WORKERS * sum(_of_workers(one)) / sum(_of_workers(more)))
            told = "folding" if routed else "routing and folding"
            tell(
                f"{WORKERS} workers to one, {told}, round {number + 1} of {rounds}: {figures[name][-1]:.2f} by "
                f"processor time; us of one: {_told(one)}; of {WORKERS}: {_told(more)}"
            )
        figures.add("scale_busiest", max(_of_workers(one)) / max(_of_workers(more)))
        figures.add("scale_wall", more.events_per_second / one.events_per_second)
    return figures


def _run(bench: Bench, prefix: str, workers: int, workflows: int, *, routed: bool) -> Run:
    command, environment, stream = bench.longspan(prefix)
    environment = {**environment, "LONGSPAN_LEASE": LEASE}
    bench.collector.clear()
    with ExitStack() as stack:
        groups = [
            stack.enter_context(started(command, environment, bench.logs / f"{prefix}-{number}.log"))
            for number in range(workers)
        ]
        _wait_for_shares(bench, prefix, workers)
        bench.append(stream, events(WARM, "warm"))
        bench.collector.wait_for(WARM * SPANS_PER_WORKFLOW, *groups)
        backlog = events(workflows, "run")
        for group in groups:
            group.freeze()
        bench.append(stream, backlog)
        turn = None
        if routed:
            _route(bench, prefix)
            turn = partial(_wait_until_idle, bench, Keys(prefix))
        run = bench.clocked(groups, workflows * EVENTS_PER_WORKFLOW, (WARM + workflows) * SPANS_PER_WORKFLOW, turn)
    bench.check_spans(prefix, (WARM + workflows) * SPANS_PER_WORKFLOW)
    return run


def _route(bench: Bench, prefix: str) -> None:
    """Move everything to its partition, as the router of a worker does."""
    with connect(bench.server.url) as client:
        keys = Keys(prefix)
        router = Router(client, keys, read_partitions(client, keys) or 0)
        while router.step(0):
            pass


def _wait_until_idle(bench: Bench, keys: Keys, group: Group) -> None:
    """Wait until a worker has folded what its partitions hold, and sent what is in the outboxes that it exports."""
    deadline, pids = time.monotonic() + PATIENCE_SECONDS, {str(pid) for pid in group.pids()}
    with connect(bench.server.url) as client:
        owned = [keys.of(number) for number in range(read_partitions(client, keys) or 0)]
        owners = client.call_all([("HGET", name, "owner") for each in owned for name in (each.meta, each.exporter)])
        mine = [owner is not None and owner.decode().split("/")[2] in pids for owner in owners]
        asked = [("XINFO", "GROUPS", each.events) for each, folds in zip(owned, mine[::2], strict=True) if folds]
        sent = [("XLEN", each.outbox) for each, exports in zip(owned, mine[1::2], strict=True) if exports]
        while time.monotonic() < deadline:
            group.alive()
            lags = [dict(zip(facts[::2], facts[1::2], strict=True))[b"lag"] for (facts,) in client.call_all(asked)]
            if not any(lags) and not any(client.call_all(sent)):
                return
            time.sleep(0.02)
    raise RuntimeError(f"a worker of {keys.prefix} is not done after {PATIENCE_SECONDS} s: {group.log}")


def _told(run: Run) -> str:
    return ", ".join(f"{process} {cpu_us:.1f}" for process, cpu_us in run.cpu_us.items())


def _of_workers(run: Run) -> list[float]:
    """Processor time of each process of the workers for one event."""
    return [cpu_us for name, cpu_us in run.cpu_us.items() if name.startswith(("worker", "carrier"))]


def _wait_for_shares(bench: Bench, prefix: str, workers: int) -> None:
    """Wait until each worker has its share of the partitions."""
    keys, deadline = Keys(prefix), time.monotonic() + PATIENCE_SECONDS
    with bench.client() as client:
        while time.monotonic() < deadline:
            partitions = int(client.hget(keys.layout, "partitions") or 0)
            for role in ("meta", "exporter"):
                owners = [client.hget(getattr(keys.of(number), role), "owner") for number in range(partitions)]
                shares = {owner: owners.count(owner) for owner in owners if owner}
                if sum(shares.values()) != partitions or set(shares.values()) != {partitions // workers}:
                    break
            else:
                if partitions:
                    return
            time.sleep(0.05)
    raise RuntimeError(f"{workers} workers have not shared the partitions of {prefix}")
