"""The simulated risk system: which workflows it runs, since when, and what each looks like at an instant."""

import bisect
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from longspan.errors import LongspanError, UseError
from longspan.plays import repeatable
from longspan.simulated_history import History, draw_history

MOST_WORKFLOWS = 100_000
_MICROSECOND_NS = 1_000


class FullError(LongspanError):
    """More workflows than the simulated system takes."""

    def __init__(self) -> None:
        super().__init__(f"{MOST_WORKFLOWS:,} workflows run here, and no more are taken until one has ended")


@dataclass(frozen=True, slots=True)
class Life:
    """A workflow of the system: what happens in it, and when that is, in nanoseconds since the epoch.

    It begins at `began_ns` and runs `speed` times as fast as its history says. With `told_long` the times that are
    told of it are as far apart as in the history: they lie in the past, and its end is told as of when it comes.
    """

    id: str
    history: History
    began_ns: int
    speed: float
    told_long: bool

    def seen_ns(self, at_seconds: float) -> int:
        """From when on one can know of what happens then."""
        return self._whole(self.began_ns + round(at_seconds / self.speed * 1e9))

    def told_ns(self, at_seconds: float) -> int:
        """The time that is told of it, in whole microseconds."""
        if not self.told_long:
            return self.seen_ns(at_seconds)
        to_end_seconds = self.history.length_seconds - at_seconds
        return self._whole(self.seen_ns(self.history.length_seconds) - round(to_end_seconds * 1e9))

    @staticmethod
    def _whole(instant_ns: int) -> int:
        return instant_ns - instant_ns % _MICROSECOND_NS


@dataclass(slots=True)
class System:
    """All workflows, by id in the order of their start, which may be kept in a file for the next start of the system.

    Workflows are drawn from their id and `seed`, so with the file a system that starts again tells the same of them.
    """

    seed: int
    speed: float
    told_long: bool = False
    lives: dict[str, Life] = field(default_factory=dict)
    _ids: list[str] = field(default_factory=list)
    _file: BinaryIO | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep_in(self, path: Path) -> None:
        """Take up the workflows of this file, and write new ones to it. Raises UseError where it is no such file."""
        try:
            kept = path.read_bytes() if path.exists() else b""
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise UseError(f"--state {path} cannot be written: {error.strerror}") from None
        whole = kept[: kept.rfind(b"\n") + 1]  # a writer that was killed may have left half a line
        self._file.truncate(len(whole))
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                began = json.loads(line)
                self.take_up(str(began["id"]), int(began["began_ns"]))
            except (ValueError, KeyError, TypeError):
                self._file.close()
                raise UseError(f"--state {path} line {number} is not a workflow of a simulated system") from None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def find_or_start(self, workflow_id: str, now_ns: int) -> tuple[Life, bool]:
        """The workflow, and whether it was started by this. Raises FullError."""
        with self._lock:
            known = self.lives.get(workflow_id)
            if known is not None:
                return known, False
            self._make_room(now_ns)
            if self._file is not None:
                self._file.write(json.dumps({"id": workflow_id, "began_ns": now_ns}).encode() + b"\n")
            return self._add(workflow_id, now_ns), True

    def take_up(self, workflow_id: str, began_ns: int) -> Life:
        """A workflow that began then."""
        with self._lock:
            return self._add(workflow_id, began_ns)

    def forget(self, workflow_id: str) -> None:
        """Let go of a workflow."""
        with self._lock:
            if self.lives.pop(workflow_id, None) is not None:
                del self._ids[bisect.bisect_left(self._ids, workflow_id)]

    def page(self, after: str | None, count: int) -> list[Life]:
        """Workflows by id, at most so many, of ids that come after this one."""
        with self._lock:
            start = 0 if after is None else bisect.bisect_right(self._ids, after)
            return [self.lives[workflow_id] for workflow_id in self._ids[start : start + count]]

    def _add(self, workflow_id: str, began_ns: int) -> Life:
        history = draw_history(repeatable(self.seed, workflow_id))
        if workflow_id not in self.lives:
            bisect.insort(self._ids, workflow_id)
        self.lives[workflow_id] = Life(workflow_id, history, began_ns, self.speed, self.told_long)
        return self.lives[workflow_id]

    def _make_room(self, now_ns: int) -> None:
        """Let go of the oldest where there are too many, if it has ended. Raises FullError."""
        if len(self.lives) < MOST_WORKFLOWS:
            return
        oldest = next(iter(self.lives.values()))
        if oldest.seen_ns(oldest.history.length_seconds) > now_ns:
            raise FullError
        del self.lives[oldest.id]
        del self._ids[bisect.bisect_left(self._ids, oldest.id)]
