"""The simulated external systems: workflows that run in accelerated time, pushed as events or asked for by a poller."""

import heapq
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from longspan.arrivals import Arrival, arrange
from longspan.plays import PLAYS, Play
from longspan.simulated_events import Fields, name_subject
from longspan.simulated_history import RISK_WORKFLOW
from longspan.simulated_system import System

_SAVE_SECONDS = 1.0


@dataclass(slots=True)
class Performance:
    """One workflow that is being played.

    `start_ns` is when it began in event time; `began` is the monotonic second at which it would have begun had it been
    played in one go. `earlier` is true when it goes on from a former start of the demo. `sent` counts the events of it
    and of each of its parts by their ids, repetitions included; of a polled one only the first is sent.
    """

    workflow_id: str
    play: Play
    start_ns: int
    began: float
    earlier: bool = False
    sent: Counter[str] = field(default_factory=Counter)

    @property
    def polled(self) -> bool:
        """Whether a poller has to ask for what happens in it."""
        return self.play is RISK_WORKFLOW

    def elapsed_seconds(self, speed: float) -> float:
        """How far it has come, in simulated time."""
        return (time.monotonic() - self.began) * speed


class Simulation:
    """Plays `workflows` at once, `speed` times as fast as they would be, and keeps in `file` how far it has come.

    Every other one is a workflow of `system`, which is polled. `send` puts entries into the ingress stream. With `once`
    it starts no new ones when these have ended.
    """

    def __init__(
        self,
        file: Path,
        send: Callable[[Sequence[Fields]], None],
        workflows: int,
        speed: float,
        seed: int,
        once: bool,
    ) -> None:
        self._file = file
        self._send = send
        self._speed = speed
        self._once = once
        self._order = itertools.count()
        self._due: list[tuple[float, int, Performance, Arrival | None]] = []  # None: it has ended
        self.performances: dict[str, Performance] = {}
        self.out_of_order = 0
        state = self._load()
        self._seed = state.get("seed", seed) if state.get("workflows") else seed
        self.system = System(self._seed, speed, told_long=True)
        self._next = int(state.get("next", 1))
        self.continued = [self._resume(workflow_id, known) for workflow_id, known in state.get("workflows", {}).items()]
        for position in range(max(0, workflows - len(self.continued))):
            self._begin(delay_seconds=position * 0.35)

    def run(self, stop: threading.Event) -> None:
        """Send what is due until `stop` is set, or with `once` until everything has happened."""
        saved = 0.0
        while self._due and not stop.is_set():
            now = time.monotonic()
            batch = []
            while self._due and self._due[0][0] <= now:
                _, _, performance, arrival = heapq.heappop(self._due)
                if arrival is not None:
                    batch.append(arrival.fields(performance.play, performance.workflow_id, performance.start_ns))
                    performance.sent[name_subject(performance.workflow_id, arrival.happening)] += 1
                    self.out_of_order += arrival.late and not (arrival.again or performance.earlier)
                elif not self._once:
                    self._begin(delay_seconds=0.5)
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
        self.system.forget(workflow_id)

    def _begin(self, delay_seconds: float) -> None:
        number, self._next = self._next, self._next + 1
        began = time.monotonic() + delay_seconds
        now_ns = time.time_ns()
        if number % 2:
            workflow_id = f"{RISK_WORKFLOW.name}-{number}"
            self._ask_for(workflow_id, now_ns + round(delay_seconds * 1e9), began)
            return
        play = PLAYS[number // 2 % len(PLAYS)]
        workflow_id = f"{play.name}-{number}"
        arrivals = arrange(play, self._seed, workflow_id)
        length = arrivals[-1].at_seconds
        # It ends in event time when its last event arrives, so nothing ever happens in the future.
        left_seconds = delay_seconds + length / self._speed
        start_ns = now_ns + round((left_seconds - length) * 1e9)
        self._perform(Performance(workflow_id, play, start_ns, began), arrivals, length)

    def _resume(self, workflow_id: str, known: dict[str, Any]) -> str:
        if known["play"] == RISK_WORKFLOW.name:  # a system of its own goes on, whether anybody looks or not
            began_ns = int(known["began_ns"])
            began = time.monotonic() - (time.time_ns() - began_ns) / 1e9
            self._ask_for(workflow_id, began_ns, began, earlier=True)
            return workflow_id
        play = next(play for play in PLAYS if play.name == known["play"])
        arrivals = arrange(play, self._seed, workflow_id)
        elapsed = float(known["elapsed_seconds"])
        began = time.monotonic() - elapsed / self._speed
        performance = Performance(workflow_id, play, int(known["start_ns"]), began, earlier=True)
        # What was sent in the last moment before the stop may be sent again: the same id changes nothing.
        left = [arrival for arrival in arrivals if arrival.at_seconds >= elapsed]
        self._perform(performance, left, arrivals[-1].at_seconds)
        return workflow_id

    def _ask_for(self, workflow_id: str, began_ns: int, began: float, *, earlier: bool = False) -> None:
        """A workflow of the system: its start is sent, and everything else is for the poller to find."""
        life = self.system.take_up(workflow_id, began_ns)
        start = Arrival(0.0, life.history.happenings()[0], 1)
        performance = Performance(workflow_id, RISK_WORKFLOW, life.told_ns(0), began, earlier)
        self._perform(performance, [start], life.history.length_seconds)

    def _perform(self, performance: Performance, arrivals: Sequence[Arrival], length_seconds: float) -> None:
        self.performances[performance.workflow_id] = performance
        told: list[tuple[float, Arrival | None]] = [(arrival.at_seconds, arrival) for arrival in arrivals]
        for at_seconds, arrival in [*told, (length_seconds, None)]:
            due = performance.began + at_seconds / self._speed
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
            | ({"began_ns": self.system.lives[workflow_id].began_ns} if performance.polled else {})
            for workflow_id, performance in pending.items()
        }
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps({"seed": self._seed, "next": self._next, "workflows": workflows}))
        fresh.replace(self._file)
