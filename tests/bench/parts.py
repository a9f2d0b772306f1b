"""The parts of the main table: what each measures, and how much of it in a quick run."""

from collections.abc import Callable
from typing import NamedTuple

from tests.bench import calm, contest, footprint, scale, visibility
from tests.bench.deadlines import DUE, PENDING, beside_pending, due_at_once
from tests.bench.figures import Figures
from tests.bench.measurement import Bench


class Extent(NamedTuple):
    """How much is measured: `rounds` of `workflows`, less of everything with `quick`; `load` seconds where given."""

    rounds: int
    workflows: int
    quick: bool
    load: float | None = None

    @property
    def seconds(self) -> float:
        """Of even load."""
        return 5.0 if self.quick else 20.0

    @property
    def load_seconds(self) -> float:
        """Of a load behind the one that fills a worker's memory; 0 for none."""
        return self.load or (0.0 if self.quick else 60.0)

    @property
    def pending(self) -> int:
        """Deadlines ahead."""
        return PENDING // 10 if self.quick else PENDING

    @property
    def due(self) -> int:
        """Deadlines due at once."""
        return DUE // 10 if self.quick else DUE


Part = Callable[[Bench, Extent, Callable[[str], None]], Figures]


def _throughput(bench: Bench, extent: Extent, tell: Callable[[str], None]) -> Figures:
    return contest.measure(bench, extent.rounds, extent.workflows, tell)


def _deadlines(bench: Bench, extent: Extent, tell: Callable[[str], None]) -> Figures:
    figures = Figures()
    for number in range(min(extent.rounds, 3)):
        plain = bench.throughput(bench.longspan(f"without-{number}"), extent.workflows).events_per_second
        beside = beside_pending(bench, f"pending-{number}", extent.workflows, extent.pending)
        figures.add("beside_pending", beside / plain)
        tell(f"beside {extent.pending:,} pending deadlines {beside:,.0f} events/s, without {plain:,.0f}")
    for name, together in (("due", False), ("due_together", True)):
        figures.add(name, due_at_once(bench, name, extent.due, together=together))
        tell(f"{extent.due:,} deadlines due at once: {figures[name][0]:.2f} s")
    return figures


def _calm(bench: Bench, extent: Extent, tell: Callable[[str], None]) -> Figures:
    figures = Figures()
    for number in range(min(extent.rounds, 2)):
        measured = calm.measure(bench, f"calm-{number}", extent.seconds, extent.seconds / 2)
        for name, figure in measured.items():
            figures.add(name, figure)
        tell(f"calm: p50 {measured['latency_p50_ms']:.1f} ms, p99 {measured['latency_p99_ms']:.1f} ms")
    return figures


def _latency(bench: Bench, extent: Extent, tell: Callable[[str], None]) -> Figures:
    return visibility.measure(bench, "visible", extent.workflows, extent.seconds, tell)


def _memory(bench: Bench, extent: Extent, tell: Callable[[str], None]) -> Figures:
    figures = footprint.in_redis(bench, "open", 2_000 if extent.quick else 20_000, tell)
    if extent.load_seconds:
        figures.take(footprint.under_load(bench, "load", extent.load_seconds, tell))
    return figures


def _scale(bench: Bench, extent: Extent, tell: Callable[[str], None]) -> Figures:
    return scale.measure(bench, "scale", min(extent.rounds, 3), extent.workflows, tell)


PARTS: dict[str, Part] = {
    "throughput": _throughput,
    "deadlines": _deadlines,
    "calm": _calm,
    "latency": _latency,
    "memory": _memory,
    "scale": _scale,
}
