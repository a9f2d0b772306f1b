"""From a chart's definition to a class of python-statemachine that keeps nothing between workflows."""

from typing import Any

from statemachine import StateChart
from statemachine.io.actions import create_datamodel_action_callable
from statemachine.io.evaluators import evaluator_for
from statemachine.io.interpreter import Interpreter
from statemachine.io.model import DataModel, HistoryState, State, StateMachineDefinition, Transition
from statemachine.io.system_variables import EventDataWrapper

START = "__initial__"  # the event under which the library enters the initial states


def compile_chart(name: str, definition: StateMachineDefinition) -> type[StateChart[Any]]:
    """The chart class of a definition, its expressions restricted (`trusted=False`).

    Raises InvalidDefinition, or whatever else the library stumbles over.
    """
    interpreter = _PureInterpreter(definition.datamodel)
    definition.datamodel = None  # the library would initialize variables once a class, not once a workflow
    _mark_initial(definition)
    interpreter.process_definition(definition, location=name)
    chart_class = interpreter.scs[name]
    chart_class.allow_event_without_transition = False
    chart_class.catch_errors_as_events = False
    return chart_class


def reduce_to_tree(definition: StateMachineDefinition) -> None:
    """Take out of a definition what can be wrong in it but states and events, so that facts can still be compared."""
    definition.datamodel = None
    known: set[str] = set()
    holders: list[State | HistoryState] = []
    pending = list(definition.states.values())
    while pending:
        state = pending.pop()
        pending += state.states.values()
        holders += [state, *state.history.values()]
        known |= {state.id, *state.history}
        state.onentry, state.onexit, state.enter_refs, state.exit_refs = [], [], [], []
        state.invocations, state.donedata = [], None
    for holder in holders:
        holder.transitions = [
            Transition(event=transition.event, target=" ".join(known.intersection((transition.target or "").split())))
            for transition in holder.transitions
            if not transition.initial
        ]


def _mark_initial(definition: StateMachineDefinition) -> None:
    """Mark the top-level state that a nested start lies in: there the library puts what runs before all else."""
    if any(state.initial for state in definition.states.values()):
        return
    for state in definition.states.values():
        pending = [state]
        while pending:
            inner = pending.pop()
            if inner.id in definition.initial_states:
                state.initial = True
                return
            pending += inner.states.values()


class _PureInterpreter(Interpreter):
    """The library's interpreter without its sessions, which remember the first machine of each name for ever."""

    def __init__(self, datamodel: DataModel | None) -> None:
        super().__init__(reader=None, evaluator=evaluator_for(trusted=False))
        self._datamodel = datamodel

    def initial_enter_prefix(self, is_invoked: bool) -> list[Any]:  # noqa: ARG002  the library's signature
        datamodel = self._datamodel
        if datamodel is None or not datamodel.data:
            return []
        evaluator = self._evaluator
        create_datamodel_action_callable(datamodel, evaluator)  # a wrong expression is refused now, not at a start

        def initialize_variables(*args: Any, event: Any, **kwargs: Any) -> None:
            if event == START:
                initialize = create_datamodel_action_callable(datamodel, evaluator)
                assert initialize is not None, "a datamodel with variables"
                initialize(*args, event=event, **kwargs)

        return [initialize_variables]

    def _prepare_event(self, *_args: Any, event: Any, **kwargs: Any) -> dict[str, Any]:
        wrap: Any = EventDataWrapper
        return {"_name": kwargs["machine"].name, "_event": None if event == START else wrap(kwargs["event_data"])}
