"""The simulated external systems: workflows that run in accelerated time and tell of it through the ingress stream."""

import heapq
import itertools
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longspan.arrivals import Arrival, arrange
from longspan.plays import PLAYS, Play

Fields = dict[bytes, bytes]
_SAVE_SECONDS = 1.0


@dataclass(slots=True)
class Performance:
    """One workflow that is being played.

    `start_ns` is when it began in event time; `began` is the monotonic second at which it would have begun had it been
    played in one go. `earlier` is true when it goes on from a former start of the demo.
    """

    workflow_id: str
    play: Play
    start_ns: int
    began: float
    last: Arrival
    earlier: bool = False

    def elapsed_seconds(self, speed: float) -> float:
        """How far it has come, in simulated time."""
        return (time.monotonic() - self.began) * speed


class Simulation:
    """Plays `workflows` at once, `speed` times as fast as they would be, and keeps in `file` how far it has come.

    `send` puts entries into the ingress stream. With `once` it starts no new ones when these have ended.
    """

    def __init__(
        self, file: Path, send: Callable[[Sequence[Fields]], None], workflows: int, speed: float, seed: int, once: bool
    ) -> None:
        self._file = file
        self._send = send
        self._speed = speed
        self._once = once
        self._order = itertools.count()
        self._due: list[tuple[float, int, Performance, Arrival]] = []
        self.performances: dict[str, Performance] = {}
        self.sent: dict[str, int] = {}  # events by workflow, repetitions included
        state = self._load()
        self.out_of_order = 0
        self._seed = state.get("seed", seed) if state.get("workflows") else seed
        self._next = int(state.get("next", 1))
        self.continued = [self._resume(workflow_id, known) for workflow_id, known in state.get("workflows", {}).items()]
        for position in range(max(0, workflows - len(self.continued))):
            self._begin(delay_seconds=position * 0.35)

    def run(self, stop: threading.Event) -> None:
        """Send what is due until `stop` is set, or with `once` until all has been sent."""
        saved = 0.0
        while self._due and not stop.is_set():
            now = time.monotonic()
            batch = []
            while self._due and self._due[0][0] <= now:
                _, _, performance, arrival = heapq.heappop(self._due)
                batch.append(arrival.fields(performance.play, performance.workflow_id, performance.start_ns))
                self._note(performance, arrival)
            if batch:
                self._send(batch)
            if now - saved > _SAVE_SECONDS:
                saved = now
                self._save()
            if self._due:
                stop.wait(max(0.0, self._due[0][0] - time.monotonic()))
        self._save()

    def forget(self, workflow_id: str) -> None:
        """Let go of a workflow that has ended."""
        self.performances.pop(workflow_id, None)
        self.sent.pop(workflow_id, None)

    def _note(self, performance: Performance, arrival: Arrival) -> None:
        self.sent[performance.workflow_id] = self.sent.get(performance.workflow_id, 0) + 1
        self.out_of_order += arrival.late and not (arrival.again or performance.earlier)
        if arrival is performance.last and not self._once:
            self._begin(delay_seconds=0.5)

    def _begin(self, delay_seconds: float) -> None:
        play = PLAYS[self._next % len(PLAYS)]
        workflow_id = f"{play.name}-{self._next}"
        self._next += 1
        arrivals = arrange(play, f"{self._seed}/{workflow_id}")
        length = arrivals[-1].at_seconds
        # It ends in event time when its last event arrives, so nothing ever happens in the future.
        left_seconds = delay_seconds + length / self._speed
        start_ns = time.time_ns() + round((left_seconds - length) * 1e9)
        self._perform(
            Performance(workflow_id, play, start_ns, time.monotonic() + delay_seconds, arrivals[-1]), arrivals
        )

    def _resume(self, workflow_id: str, known: dict[str, Any]) -> str:
        play = next(play for play in PLAYS if play.name == known["play"])
        arrivals = arrange(play, f"{self._seed}/{workflow_id}")
        elapsed = float(known["elapsed_seconds"])
        began = time.monotonic() - elapsed / self._speed
        performance = Performance(workflow_id, play, int(known["start_ns"]), began, arrivals[-1], earlier=True)
        # What was sent in the last moment before the stop may be sent again: the same id changes nothing.
        self._perform(performance, [arrival for arrival in arrivals if arrival.at_seconds >= elapsed])
        return workflow_id

    def _perform(self, performance: Performance, arrivals: Sequence[Arrival]) -> None:
        self.performances[performance.workflow_id] = performance
        for arrival in arrivals:
            due = performance.began + arrival.at_seconds / self._speed
            heapq.heappush(self._due, (due, next(self._order), performance, arrival))

    def _load(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads(self._file.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return state

    def _save(self) -> None:
        pending = {performance.workflow_id: performance for _, _, performance, _ in self._due}
        workflows = {
            workflow_id: {
                "play": performance.play.name,
                "start_ns": performance.start_ns,
                "elapsed_seconds": max(0.0, performance.elapsed_seconds(self._speed)),
            }
            for workflow_id, performance in pending.items()
        }
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps({"seed": self._seed, "next": self._next, "workflows": workflows}))
        fresh.replace(self._file)
