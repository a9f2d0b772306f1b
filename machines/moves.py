"""Moves: what events do to open runs, worked out once where active states and guards alone decide."""

from collections.abc import Mapping
from typing import NamedTuple

from machines.attributes import collect
from machines.events import Event, read_data
from machines.guards import Judgement
from machines.interpreter import Interpreter, RefusalError
from machines.journal import Record
from machines.machine import Machine
from machines.snapshot import Situation, Snapshot
from machines.timeouts import arrival_ns, cancel_deadline, set_deadline

REMEMBERED_LIMIT = 10_000
_NONE: Judgement = ()


class Move(NamedTuple):
    """One event in one configuration: where the chart stands then, the steps, and the paths left and entered by them.

    Each path is left and entered once at most, and left before it is entered.
    """

    situation: Situation
    steps: list[str]
    left: tuple[str, ...]
    entered: tuple[str, ...]


class Moves:
    """The moves of one version of a machine, whose states wait for no children."""

    __slots__ = ("_found", "_guarded", "_interpreter", "_machine")

    def __init__(self, machine: Machine, interpreter: Interpreter) -> None:
        self._machine = machine
        self._interpreter = interpreter
        self._guarded = machine.chart.guards is not None
        self._found: dict[tuple[tuple[str, ...], str, Judgement], Move | None] = {}

    def find(self, snapshot: Snapshot, event: Event, now_ms: int) -> Move | None:
        """The move that an event makes; None where that has to be asked step by step.

        The run must be open and of this machine. An event that may have to wait, that deadlines may go before, that
        the chart refuses or that ends the run makes no move.
        """
        if event.sequence is not None or event.extensions is not None or event.position[:1] > "9":
            return None
        if event.machine is not None and event.machine != self._machine.name:
            return None
        deadlines = snapshot.deadlines
        if deadlines and min(deadlines.values()) <= now_ms * 1_000_000:
            return None
        situation, judgement = snapshot.situation, _NONE
        data: dict[str, object] = {}
        attributes: Mapping[str, object] = data
        if self._guarded:
            data = read_data(event)
            attributes = {**snapshot.attributes, **collect(self._machine.attributes, data)}
            name = self._machine.chart_event(event.type)
            judged = self._interpreter.judge(situation.configuration, name, data, attributes)
            if judged is None:
                return None
            judgement = judged
        key = (situation.configuration, event.type, judgement)
        try:
            return self._found[key]
        except KeyError:
            if len(self._found) >= REMEMBERED_LIMIT:  # types come from outside: never let them fill the memory
                self._found.clear()
            move = self._found[key] = self._work_out(situation, event.type, data, attributes)
            return move

    def make(self, move: Move, snapshot: Snapshot, event: Event, now_ms: int) -> Record:
        """Change the snapshot as `machines.run.advance` does, by the move that was found; the record that it leaves."""
        machine, time_ns = self._machine, event.time_ns
        if machine.attributes and event.data:
            found = collect(machine.attributes, read_data(event))
            if found:
                snapshot.attributes = {**snapshot.attributes, **found}
        snapshot.situation = move.situation
        snapshot.updated_ns = time_ns
        snapshot.entries += 1
        snapshot.pending_spans += len(move.left)
        states, visits = snapshot.states, snapshot.visits
        for path in move.left:
            states.pop(path, None)
            if snapshot.deadlines:
                cancel_deadline(snapshot, path)
        for path in move.entered:
            states[path] = time_ns
            if visits is not None:
                visits[path] = visits.get(path, 0) + 1
            if path in machine.deadlines:
                due_ns = time_ns + machine.deadlines[path].after_ns
                set_deadline(snapshot, path, due_ns, arrival_ns(event, now_ms, snapshot))
        return Record(event, "applied", move.steps)

    def _work_out(
        self, situation: Situation, event_type: str, data: Mapping[str, object], attributes: Mapping[str, object]
    ) -> Move | None:
        try:
            answer = self._interpreter.send(situation, self._machine.chart_event(event_type), data, attributes)
        except RefusalError:
            return None
        left = tuple(step[1:] for step in answer.steps if step[0] == "-")
        entered = tuple(step[1:] for step in answer.steps if step[0] == "+")
        once = len(set(left)) == len(left) and len(set(entered)) == len(entered)
        place = answer.steps.index
        in_order = once and all(place("-" + path) < place("+" + path) for path in set(left) & set(entered))
        if answer.ended or not in_order:
            return None
        return Move(answer.situation, list(answer.steps), left, entered)
