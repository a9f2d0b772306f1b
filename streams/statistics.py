"""What a worker process notes of its own work, for those who ask how it is. One thread writes each, any may read."""

from collections.abc import Callable, Iterable, Mapping

from streams.histogram import LONG_SECONDS, SHORT_SECONDS, Histogram
from streams.loop import Loop
from streams.members import Share

BATCH_ENTRIES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000)
MOST_MACHINES = 50  # that are told apart: every one more is a few time series in Prometheus, for ever
OTHER = "other"


class Statistics:
    """Of one worker process.

    `results` counts events by what became of them; `held`, `share` and `workers` are the partitions that it holds, how
    many it should, and how many workers there are; `lost` how often another took one from it; `batch_seconds` and
    `batch_entries` are of batches folded and committed, `commit_seconds` of their commits alone; `run_seconds` says how
    long runs took, by machine and outcome.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.worker = Loop(clock)
        self.results: Mapping[str, int] = {}
        self.held: frozenset[int] = frozenset()
        self.share: int | None = None
        self.workers = 0
        self.lost = 0
        self.batch_seconds = Histogram(SHORT_SECONDS)
        self.batch_entries = Histogram(BATCH_ENTRIES)
        self.commit_seconds = Histogram(SHORT_SECONDS)
        self.run_seconds: dict[tuple[str, str], Histogram] = {}
        self._machines: set[str] = set()

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

    def committed(self, seconds: float) -> None:
        """A batch was committed; so long Redis was waited for."""
        self.commit_seconds.observe(seconds)

    def ended(self, endings: Iterable[tuple[str, str, int]]) -> None:
        """Runs ended and were committed: (machine, outcome, duration in ns) each."""
        for machine, outcome, lasted_ns in endings:
            if machine not in self._machines:
                if len(self._machines) >= MOST_MACHINES:
                    machine = OTHER
                self._machines.add(machine)
            histogram = self.run_seconds.get((machine, outcome))
            if histogram is None:
                histogram = self.run_seconds[machine, outcome] = Histogram(LONG_SECONDS)
            histogram.observe(lasted_ns / 1_000_000_000)
