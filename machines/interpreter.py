"""What one event does to a chart: python-statemachine is asked, and its answer remembered where data cannot matter."""

import copy
from asyncio import CancelledError
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from statemachine import StateChart
from statemachine.event import BoundEvent
from statemachine.exceptions import TransitionNotAllowed
from statemachine.orderedset import OrderedSet
from statemachine.state import State

from machines.charts import Chart
from machines.fields import Fields, plain, view
from machines.guards import REMEMBERED_LIMIT as REMEMBERED_LIMIT
from machines.guards import Judgement
from machines.snapshot import Situation

STEP_LIMIT = 1_000  # states entered and transitions taken by one event before it counts as a loop
FAULTS = (Exception, SystemExit, GeneratorExit, CancelledError)  # what the code of a chart may raise

_Case = tuple[tuple[str, ...], str | None, Judgement]  # active states, event, what the guards say
_RESERVED = {"state", "data", "attributes"}


class RefusalError(Exception):
    """The chart does not take the event; the text says why."""


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What an event did: where the chart stands now, the steps (see `machines.journal`), and how it ended.

    `finals` are the paths of the final states that the chart rests in, outermost first, once it has ended.
    """

    situation: Situation
    steps: tuple[str, ...]
    ended: bool = False
    finals: tuple[str, ...] = ()


class _Model:
    """What a chart's callbacks see: `state` belongs to the library, variables come and go as plain attributes."""

    def __init__(self, variables: Mapping[str, object], data: Fields, attributes: Fields) -> None:
        self.__dict__.update(variables)
        self.state: Any = None
        self.data = data
        self.attributes = attributes


class _Recorder:
    """A listener that notes exits and entries, and stops a chart that does not come to rest."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        self.steps: list[str] = []
        self.budget = STEP_LIMIT

    def on_enter_state(self, state: State) -> None:
        sign = "*" if state.id in self._chart.final else "+"
        self.steps.append(sign + self._chart.paths[state.id])

    def on_exit_state(self, state: State) -> None:
        if state.id not in self._chart.final:
            self.steps.append("-" + self._chart.paths[state.id])

    def on_transition(self) -> None:
        self.budget -= 1
        if self.budget < 0:
            raise RefusalError(f"the chart did not come to rest after {STEP_LIMIT} transitions")


class Interpreter:
    """Answers for one chart. Not for use by several threads at once."""

    def __init__(self, chart: Chart, *, remember: bool = True) -> None:
        self._chart = chart
        by_states = not chart.depends_on_data or chart.guards is not None
        self._remembered: dict[_Case, Answer | str] | None = {} if remember and by_states else None
        self._kept: tuple[StateChart[Any], _Recorder] | None = None

    @property
    def remembers(self) -> bool:
        """Whether answers follow from the active states and the guards alone."""
        return self._remembered is not None

    def judge(
        self,
        configuration: tuple[str, ...],
        event: str | None,
        data: Mapping[str, object],
        attributes: Mapping[str, object],
    ) -> Judgement | None:
        """What the guards say; None where that cannot be said. Two events with equal ones have the same answer."""
        guards = self._chart.guards
        return () if guards is None else guards.judge(configuration, event, Fields(data), Fields(attributes))

    def start(self, data: Mapping[str, object], attributes: Mapping[str, object]) -> Answer:
        """The initial configuration. Raises RefusalError when an entry action of the chart fails."""
        return self._recall(Situation(()), None, data, attributes)

    def send(
        self, situation: Situation, event: str, data: Mapping[str, object], attributes: Mapping[str, object]
    ) -> Answer:
        """What `event`, a chart event, does in `situation`. Raises RefusalError when the chart does not take it."""
        return self._recall(situation, event, data, attributes)

    def _recall(
        self, situation: Situation, event: str | None, data: Mapping[str, object], attributes: Mapping[str, object]
    ) -> Answer:
        remembered = self._remembered
        judgement = None if remembered is None else self.judge(situation.configuration, event, data, attributes)
        if remembered is None or judgement is None:
            return self._ask(situation, event, data, attributes)
        key = (situation.configuration, event, judgement)
        answer = remembered.get(key)
        if answer is None:
            try:
                answer = self._ask(situation, event, data, attributes)
            except RefusalError as refusal:
                answer = str(refusal)
            if len(remembered) >= REMEMBERED_LIMIT:  # event names come from outside: never let them fill the memory
                remembered.clear()
            remembered[key] = answer
        if isinstance(answer, str):
            raise RefusalError(answer)
        return answer

    def _ask(
        self, situation: Situation, event: str | None, data: Mapping[str, object], attributes: Mapping[str, object]
    ) -> Answer:
        try:
            return self._run(situation, event, Fields(data), Fields(attributes))
        except RefusalError:
            self._kept = None
            raise
        except TransitionNotAllowed as refusal:
            said = self._not_taken(refusal.event, (state.id for state in refusal.configuration))
            raise RefusalError(said if refusal.event == event else f"{said}, which the chart itself sent") from None
        except Exception as error:
            self._kept = None  # a failed chart object may be half way
            raise RefusalError(f"the chart failed: {type(error).__name__}: {error}") from error

    def _run(self, situation: Situation, event: str | None, data: Fields, attributes: Fields) -> Answer:
        if event is None:
            model = _Model({}, data, attributes)
            recorder = _Recorder(self._chart)
            machine = self._chart.chart_class(model, listeners=[recorder], data=data, attributes=attributes)
        else:
            machine, recorder = self._restore(situation, data, attributes)
            # Not `machine.send`: it would take any attribute of the chart, such as a state, for an event's declaration.
            BoundEvent(event, name=event, _sm=machine)(data=data, attributes=attributes)
        if self._chart.reusable:
            self._kept = machine, recorder
        return self._read(machine, recorder)

    def _restore(self, situation: Situation, data: Fields, attributes: Fields) -> tuple[StateChart[Any], _Recorder]:
        # A document's guards see kept values as they see data; code gets a copy, as it may change what it gets.
        seen = view if self._chart.reusable else copy.deepcopy
        variables = {name: seen(value) for name, value in situation.variables.items()}
        model = _Model(variables, data, attributes)
        active = situation.configuration
        model.state = active[0] if len(active) == 1 else OrderedSet(active)
        if self._kept is None:
            recorder = _Recorder(self._chart)
            machine = self._chart.chart_class(model, listeners=[recorder])
        else:
            machine, recorder = self._kept
            machine.model.__dict__.clear()
            machine.model.__dict__.update(model.__dict__)
            machine._engine.running = True  # the last workflow may have ended
            machine._engine.clear()  # and left events of its own behind
            recorder.steps, recorder.budget = [], STEP_LIMIT
        states = machine.states_map
        machine.history_values = {
            history: [states[state] for state in recorded] for history, recorded in situation.history.items()
        }
        return machine, recorder

    def _read(self, machine: StateChart[Any], recorder: _Recorder) -> Answer:
        chart = self._chart
        situation = Situation(
            tuple(machine.configuration_values),
            {history: [state.id for state in states] for history, states in machine.history_values.items()},
            {name: plain(name, value) for name, value in vars(machine.model).items() if name not in _RESERVED},
        )
        steps = tuple(recorder.steps)
        if not machine.is_terminated:
            return Answer(situation, steps)
        resting = sorted(situation.configuration, key=chart.order.__getitem__)
        finals = [state for state in resting if state in chart.top_final] or [s for s in resting if s in chart.final]
        still_active = tuple("-" + chart.paths[state] for state in reversed(resting) if state not in chart.final)
        return Answer(situation, steps + still_active, True, tuple(chart.paths[state] for state in finals))

    def _not_taken(self, event: str | None, configuration: Iterable[str]) -> str:
        active = [self._chart.paths[state] for state in configuration]
        innermost = [path for path in active if not any(other.startswith(path + ".") for other in active)]
        return f"no transition for {str(event)!r} in {', '.join(sorted(innermost))}"
