"""Moves: what events do to open runs, worked out once where active states and guards alone decide."""

from collections.abc import Mapping
from typing import NamedTuple

from machines.attributes import collect
from machines.events import Event, read_data
from machines.guards import REMEMBERED_LIMIT, Judgement
from machines.interpreter import Interpreter, RefusalError
from machines.journal import Record
from machines.machine import Machine
from machines.snapshot import Situation, Snapshot
from machines.timeouts import arrival_ns, cancel_deadline, set_deadline


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

    def apply(self, snapshot: Snapshot, event: Event, now_ms: int) -> Record | None:
        """Change the snapshot as `machines.run.advance` does; the record that the event leaves.

        None, and nothing is changed, where it has to be asked step by step: an event that may have to wait, that
        deadlines may go before, that the chart refuses or that ends the run. The run must be open and of this machine.
        """
        machine = self._machine
        if event.sequence is not None or event.extensions is not None or event.position[:1] > "9":
            return None
        if event.machine is not None and event.machine != machine.name:
            return None
        deadlines = snapshot.deadlines
        if deadlines and min(deadlines.values()) <= now_ms * 1_000_000:
            return None
        attributes = snapshot.attributes
        data: dict[str, object] = {}
        if event.data and (self._guarded or machine.attributes):
            data = read_data(event)
            found = collect(machine.attributes, data)
            if found:
                attributes = {**attributes, **found}
        move = self._find(snapshot.situation, event.type, data, attributes)
        if move is None:
            return None
        snapshot.attributes = attributes
        return self._make(move, snapshot, event, now_ms)

    def _find(
        self, situation: Situation, event_type: str, data: Mapping[str, object], attributes: Mapping[str, object]
    ) -> Move | None:
        judgement: Judgement = ()
        if self._guarded:
            name = self._machine.chart_event(event_type)
            judged = self._interpreter.judge(situation.configuration, name, data, attributes)
            if judged is None:
                return None
            judgement = judged
        key = (situation.configuration, event_type, judgement)
        try:
            return self._found[key]
        except KeyError:
            if len(self._found) >= REMEMBERED_LIMIT:  # types come from outside: never let them fill the memory
                self._found.clear()
            move = self._found[key] = self._work_out(situation, event_type, data, attributes)
            return move

    def _make(self, move: Move, snapshot: Snapshot, event: Event, now_ms: int) -> Record:
        machine, time_ns = self._machine, event.time_ns
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
