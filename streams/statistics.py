"""What a worker process notes of its own work, for those who ask how it is. One thread writes each, any may read."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence

from streams.loop import Loop
from streams.members import Share

BATCH_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BATCH_ENTRIES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000)


class Histogram:
    """How often a value was at most each of `bounds`, or above all of them, and the sum of all values."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Statistics:
    """Of one worker process.

    `results` counts events by what became of them; `held`, `share` and `workers` are the partitions that it holds, how
    many it should, and how many workers there are; `lost` how often another took one from it; `routing` whether it
    is the router; `batch_seconds` and `batch_entries` are of batches folded and committed.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.worker = Loop(clock)
        self.router = Loop(clock)
        self.results: Mapping[str, int] = {}
        self.held: frozenset[int] = frozenset()
        self.share: int | None = None
        self.workers = 0
        self.lost = 0
        self.routing = False
        self.batch_seconds = Histogram(BATCH_SECONDS)
        self.batch_entries = Histogram(BATCH_ENTRIES)

    def note(self, held: Iterable[int], share: Share | None, partitions: int, lost: int) -> None:
        """What the worker holds now, and its share of how many `partitions`."""
        self.held = frozenset(held)
        self.lost = lost
        if share is not None:
            self.share, self.workers = share.of(partitions), len(share.members)

    def folded(self, entries: int, began: float) -> None:
        """A batch of `entries` was folded and committed; it `began` at that time of `clock`."""
        self.batch_seconds.observe(self.clock() - began)
        self.batch_entries.observe(entries)
