"""Replays: files folded by machines, run by run, and a count of what happened."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longspan.replay_source import Source
from machines.catalog import Catalog
from machines.folded import Run
from machines.history import Departure, History, Machines
from machines.refolding import Refolding

if TYPE_CHECKING:
    from machines.changes import Dead

_EXAMPLES = 5


@dataclass(slots=True)
class Count:
    """What happened. `dead` counts events that were not applied, by the reason; `departed` those that went another way
    than was recorded. The examples are the first few of each."""

    workflows: int = 0
    runs: Counter[str] = field(default_factory=Counter)
    spans: int = 0
    rejected: int = 0
    late: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    departed: int = 0
    dead_examples: "list[Dead]" = field(default_factory=list)
    departures: list[tuple[str, Departure]] = field(default_factory=list)

    def add(self, history: History) -> None:
        """Count a workflow of which no more comes."""
        self.workflows += 1
        self.late += history.late
        self.departed += history.departures
        for dead in history.dead:
            self.dead[dead.reason] += 1
            if len(self.dead_examples) < _EXAMPLES:
                self.dead_examples.append(dead)
        if history.departure is not None and len(self.departures) < _EXAMPLES:
            self.departures.append((history.subject, history.departure))

    def lines(self, events: int) -> Iterator[str]:
        """The count in words."""
        ends = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.runs.items())) or "none began"
        yield f"{events} events of {self.workflows} workflows; runs: {ends}; {self.spans} spans"
        told = {"rejected": self.rejected, "late": self.late, "not applied": self.dead.total()}
        if any(told.values()):
            yield ", ".join(f"{count} {what}" for what, count in told.items() if count)
        for dead in self.dead_examples:
            yield f"  not applied: {dead.event.id} of {dead.event.subject}: {dead.reason}: {dead.detail}"
        if self.departed:
            yield f"{self.departed} events did something else than was recorded:"
        for workflow_id, departure in self.departures:
            yield f"  {workflow_id}, event {departure.recorded.event.id}: {_say(departure)}"


def _say(departure: Departure) -> str:
    def tell(result: str, steps: list[str]) -> str:
        return " ".join((result, *steps))

    now = "; ".join(tell(record.result, record.steps) for record in departure.now) or "nothing"
    return f"recorded {tell(departure.recorded.result, departure.recorded.steps)}, now {now}"


class Replay:
    """One set of machines fed with a source. `count` is whole once `runs` has ended."""

    def __init__(self, source: Source, catalog: Catalog) -> None:
        self.count = Count()
        self._source = source
        self._refolding = Refolding([Machines(catalog)])

    @property
    def now_ns(self) -> int:
        """The latest time that was told of."""
        return self._refolding.horizon_ns

    def runs(self) -> Iterator[Run]:
        """The runs as they end, then those that do not, in order of their start."""
        refolding, count = self._refolding, self.count
        for line in self._source.lines():
            (history,) = refolding.feed(line)
            runs = history.runs
            if runs and runs[-1].ended:
                yield from self._take(history)
                for (done,) in refolding.let_go():
                    yield from self._take(done)
                    count.add(done)
        # In the middle of a file nothing is late yet, and nothing waits in vain.
        stopped = self._source.until is not None or self._source.halted
        for (history,) in refolding.rest() if stopped else refolding.finish():
            yield from self._take(history)
            for run in history.runs:
                self._note(run)
                yield run
            count.add(history)

    def _take(self, history: History) -> Iterator[Run]:
        for run in history.take_ended():
            self._note(run)
            yield run

    def _note(self, run: Run) -> None:
        outcome = next((record.outcome for record in run.records if record.outcome), None) if run.ended else None
        self.count.runs[outcome or "open"] += 1
        self.count.rejected += sum(record.result == "rejected" for record in run.records)
