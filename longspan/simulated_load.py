"""Load: workflows made in batches, and their events sent at a pace."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from longspan.plays import Play, repeatable
from longspan.simulated_doors import Door, SendError
from longspan.simulated_events import Fields, tell

_MOST_AT_ONCE = 1_000
_STEP_SECONDS = 0.05  # so much of the rate goes at once
_GIVES_UP_SECONDS = 30.0
_AGAIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Load:
    """What to send. `rate` is in events a second, None for as fast as it goes with `pause_seconds` between batches."""

    plays: Sequence[Play]
    workflows: int
    batch: int
    pause_seconds: float
    rate: float | None
    start_only: bool
    name: str
    seed: int


@dataclass(slots=True)
class Sums:
    """What was sent. `late_seconds` is by how much the rate asked for was missed at the end."""

    to: str
    workflows: int = 0
    events: int = 0
    batches: int = 0
    seconds: float = 0.0
    late_seconds: float = 0.0
    tried_again: int = 0
    failed: str | None = None

    @property
    def events_per_second(self) -> float:
        """Over the whole time, pauses included."""
        return self.events / self.seconds if self.seconds else 0.0

    def as_dict(self) -> dict[str, object]:
        """The sums by name, for programs."""
        return {**asdict(self), "events_per_second": round(self.events_per_second, 1)}

    def tell(self) -> list[str]:
        """The sums in words."""
        lines = [
            f"{self.events} events of {self.workflows} workflows in {self.batches} batches went to {self.to} "
            f"in {self.seconds:.1f} s: {self.events_per_second:,.0f} events/s"
        ]
        if self.late_seconds > 1:
            lines.append(f"the rate could not be kept: it took {self.late_seconds:.1f} s longer")
        if self.failed:
            lines.append(f"it ended early: {self.failed}")
        return lines


class LoadRun:
    """Sends a load through a door; `sums` grow while it does."""

    def __init__(self, load: Load, door: Door) -> None:
        self.sums = Sums(door.shown)
        self._load = load
        self._door = door

    def run(self, tell_progress: Callable[[], None]) -> Sums:
        """Send everything, or as much as gets through: events that are not taken within half a minute end it."""
        began = time.monotonic()
        try:
            for entries, workflows in self._batches():
                self._send(entries, began, tell_progress)
                self.sums.workflows += workflows
                self.sums.batches += 1
                if self._load.rate is None and self.sums.workflows < self._load.workflows:
                    time.sleep(self._load.pause_seconds)
        except SendError as error:
            self.sums.failed = str(error)
        self.sums.seconds = round(time.monotonic() - began, 3)
        if self._load.rate is not None:
            self.sums.late_seconds = round(max(0.0, self.sums.seconds - self.sums.events / self._load.rate), 3)
        return self.sums

    def _batches(self) -> Iterator[tuple[list[Fields], int]]:
        load = self._load
        for first in range(1, load.workflows + 1, load.batch):
            numbers = range(first, min(first + load.batch, load.workflows + 1))
            now_ns = time.time_ns()
            entries = [entry for number in numbers for entry in self._events(number, now_ns)]
            entries.sort(key=lambda entry: entry[0])
            yield [fields for _, fields in entries], len(numbers)

    def _events(self, number: int, now_ns: int) -> Iterator[tuple[float, Fields]]:
        load = self._load
        play = load.plays[number % len(load.plays)]
        workflow_id = f"{load.name}-{number}"
        happenings = play.perform(repeatable(load.seed, workflow_id))
        if load.start_only:
            happenings = happenings[:1]
        start_ns = now_ns - round(happenings[-1].at_seconds * 1e9)
        for count, each in enumerate(happenings, 1):
            yield each.at_seconds, tell(play, workflow_id, count, each, start_ns + round(each.at_seconds * 1e9))

    def _send(self, entries: Sequence[Fields], began: float, tell_progress: Callable[[], None]) -> None:
        rate = self._load.rate
        step = _MOST_AT_ONCE if rate is None else min(_MOST_AT_ONCE, max(1, round(rate * _STEP_SECONDS)))
        for start in range(0, len(entries), step):
            part = entries[start : start + step]
            if rate is not None:
                time.sleep(max(0.0, began + self.sums.events / rate - time.monotonic()))
            self._push(part)
            self.sums.events += len(part)
            tell_progress()

    def _push(self, entries: Sequence[Mapping[bytes, bytes]]) -> None:
        """Send until it is taken. Raises SendError when it was not for too long, or never will be."""
        first = time.monotonic()
        while True:
            try:
                return self._door.send(entries)
            except SendError as error:
                if error.lasting or time.monotonic() - first > _GIVES_UP_SECONDS:
                    raise
                self.sums.tried_again += 1
                time.sleep(_AGAIN_SECONDS)
