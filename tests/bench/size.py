"""Flat cost: what an event costs beside a million open workflows, and beside millions that have ended, to beside 1,000.

Two servers: one that is filled more and more, and one that has never more than BASE workflows. They are measured in
turns, so that what else the machine does falls on both.
"""

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from machines.catalog import Catalog, load_catalog
from streams.client import connect
from streams.keys import Keys
from tests.bench.ceiling import PARTITIONS
from tests.bench.measurement import PATIENCE_SECONDS, WARM, Bench, Run
from tests.bench.population import populate
from tests.bench.processes import Group, started
from tests.bench.scenario import EVENTS_PER_WORKFLOW, SPANS_PER_WORKFLOW, STATES, Fields, events, workflow

BASE = 1_000
WAVES, WAVE = 8, 400  # times and workflows: of BASE at even places between start and end, so many have events left
SIZES = (10_000, 100_000, 1_000_000)
ENDED = 2_000_000
_PREFIX = "size"
_FIRST_ENDED = 10**8  # a number that no open workflow has
_LOOK_SECONDS = 0.004
FEWEST = "100"  # LONGSPAN_CACHE: so few that a worker has none of a wave's workflows in memory


def _count_had(number: int) -> int:
    """How many events an open workflow has had when it is written: one to all but two."""
    return number % (len(STATES) - 1) + 1


def _say_nothing(_written: int) -> None:
    """Where nobody waits for progress."""


class Point(msgspec.Struct, frozen=True):
    """Costs of an event beside `open_workflows` and `ended`, to those beside BASE, one for each round.

    `warm` events are of workflows that the worker has in memory, `cold` ones of others; by the clock and by the
    processor time of worker, carrier and Redis together (cold events end nothing: it only routes them).
    """

    open_workflows: int
    ended: int
    warm_wall: list[float]
    warm_cpu: list[float]
    cold_wall: list[float]
    cold_cpu: list[float]


class Population:
    """Workflows of one server, and which event of each comes next."""

    def __init__(self, bench: Bench, prefix: str) -> None:
        self.bench, self.prefix = bench, prefix
        self._catalog: Catalog = load_catalog([str(bench.machines)])
        self._had: dict[int, int] = {}
        self._choose = random.Random(3)
        self.ended = 0

    @property
    def open_workflows(self) -> int:
        """How many there are."""
        return len(self._had)

    def open(self, until: int) -> None:
        """Write open workflows until there are so many, an equal part in each state that is not the last."""
        numbers = range(len(self._had), until)
        with connect(self.bench.server.url) as client:
            populate(client, self.prefix, self._catalog, numbers, _say_nothing, _count_had)
        self._had |= {number: _count_had(number) for number in numbers}

    def end(self, until: int) -> None:
        """Write ended workflows until there are so many, beside all that are open by then."""
        numbers = range(_FIRST_ENDED + self.ended, _FIRST_ENDED + until)
        with connect(self.bench.server.url) as client:
            populate(client, self.prefix, self._catalog, numbers, _say_nothing, lambda _: EVENTS_PER_WORKFLOW)
        self.ended = until

    def wave(self) -> list[Fields]:
        """The next event of WAVE workflows that does not end them, chosen by chance.

        Raises RuntimeError where fewer have such an event left.
        """
        left = [number for number, had in self._had.items() if had < len(STATES)]
        if len(left) < WAVE:
            raise RuntimeError(f"{len(left)} of {len(self._had)} workflows have an event left: fewer rounds, or more")
        made = []
        for number in self._choose.sample(left, WAVE):
            made.append(workflow(f"w-{number}", 0, time.time_ns())[self._had[number]])
            self._had[number] += 1
        return made


def measure(
    large: Bench, small: Bench, sizes: Sequence[int], ended: int, rounds: int, tell: Callable[[str], None]
) -> list[Point]:
    """A point for each size, then one with `ended` as well. The benches have servers of their own."""
    filled = Population(large, _PREFIX)
    points: list[Point] = []
    for open_workflows, past in [*((size, 0) for size in sizes), (sizes[-1], ended)]:
        begin = time.monotonic()
        filled.open(open_workflows)
        filled.end(past)
        tell(f"{open_workflows:,} open and {past:,} ended, written in {time.monotonic() - begin:.0f} s")
        points.append(_measure_point(filled, small, rounds, tell))
        tell(str(points[-1]))
    return points


def _measure_point(filled: Population, small: Bench, rounds: int, tell: Callable[[str], None]) -> Point:
    point = Point(filled.open_workflows, filled.ended, [], [], [], [])
    for number in range(rounds):
        with small.client() as client:
            client.flushall(asynchronous=False)
        base = Population(small, _PREFIX)
        base.open(BASE)
        for run, walls, cpus in (
            (run_cold, point.cold_wall, point.cold_cpu),
            (run_warm, point.warm_wall, point.warm_cpu),
        ):
            if number % 2:  # what is second in every round would be so in all ratios
                after, before = run(filled), run(base)
            else:
                before, after = run(base), run(filled)
            walls.append(before.events_per_second / after.events_per_second)
            cpus.append(_cpu_us(after) / _cpu_us(before))
            tell(f"{run.__name__}: {_told(before)}; beside them: {_told(after)}")
    return point


def run_warm(population: Population) -> Run:
    """Events of workflows that begin and end meanwhile, BASE of them under way at once."""
    bench, workflows = population.bench, 2 * BASE
    batch = f"warm-{time.time_ns()}"
    command, environment, stream = bench.longspan(population.prefix)
    bench.collector.clear()
    with started(command, environment, bench.logs / "warm.log") as group:
        bench.append(stream, events(WARM, f"{batch}-first"))
        bench.collector.wait_for(WARM * SPANS_PER_WORKFLOW, group)
        backlog = events(workflows, batch, open_at_once=BASE)
        group.freeze()
        bench.append(stream, backlog)
        run = bench.clocked([group], len(backlog), (WARM + workflows) * SPANS_PER_WORKFLOW)
        group.stop()
    return run


def run_cold(population: Population) -> Run:
    """WAVES of events, each of WAVE workflows of which the worker has none in memory."""
    bench, keys = population.bench, Keys(population.prefix)
    command, environment, stream = bench.longspan(population.prefix)
    seconds, used = 0.0, dict[str, float]()
    with (
        started(command, {**environment, "LONGSPAN_CACHE": FEWEST}, bench.logs / "cold.log") as group,
        bench.client() as client,
    ):
        bench.collector.clear()
        first = events(WARM, f"first-{time.time_ns()}")
        done = _count_read(client, keys) + len(first)
        bench.append(stream, first)
        bench.collector.wait_for(WARM * SPANS_PER_WORKFLOW, group)
        for _ in range(WAVES):
            made = population.wave()
            group.freeze()
            bench.append(stream, made)
            before, begin = bench.cpu([group]), time.monotonic()
            group.thaw()
            done += len(made)
            _wait_until_read(client, keys, done, group)
            seconds += time.monotonic() - begin
            for process, after in bench.cpu([group]).items():
                used[process] = used.get(process, 0.0) + after - before[process]
        group.stop()
    count = WAVES * WAVE
    return Run(count / seconds, {process: each / count * 1e6 for process, each in used.items()})


def _told(run: Run) -> str:
    costs = ", ".join(f"{process} {cpu_us:.1f}" for process, cpu_us in run.cpu_us.items())
    return f"{run.events_per_second:,.0f} events/s, us: {costs}"


def _cpu_us(run: Run) -> float:
    return sum(cpu_us for process, cpu_us in run.cpu_us.items() if process != "endpoint")


def _wait_until_read(client: Any, keys: Keys, count: int, group: Group) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _count_read(client, keys) < count:
        group.alive()
        if time.monotonic() > deadline:
            raise RuntimeError(f"{count} entries were never read under {keys.prefix}: {group.log}")
        time.sleep(_LOOK_SECONDS)


def _count_read(client: Any, keys: Keys) -> int:
    """Entries that workers have read and committed, in all partitions together."""
    pipeline = client.pipeline(transaction=False)
    for number in range(PARTITIONS):
        pipeline.hget(keys.of(number).meta, "read")
    return sum(int(read or 0) for read in pipeline.execute())
