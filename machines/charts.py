"""What Longspan knows of a python-statemachine chart: its tree, its events, and whether it looks at data."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from statemachine import Event, State, StateChart
from statemachine.callbacks import CallbackSpec, SpecListGrouper
from statemachine.state import HistoryState
from statemachine.transition import Transition

from machines.guards import Guards, asks_only_for_states, is_guard


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart class and its facts.

    `paths` gives each state's dotted path by its id, in document order. `final` and `top_final` are state ids.
    `events` are the event descriptors that transitions name. `depends_on_data` is false when nothing but the active
    states and the event decides what happens. `reusable` is true when the chart keeps nothing on itself, so that one
    object serves all workflows in turn. `guards` are set where data matters to nothing but them. `variables` are those
    that a document declares; code declares none.
    """

    chart_class: type[StateChart[Any]]
    paths: Mapping[str, str]
    order: Mapping[str, int]
    final: frozenset[str]
    top_final: frozenset[str]
    events: frozenset[str]
    depends_on_data: bool
    reusable: bool
    guards: Guards | None = None
    variables: frozenset[str] = frozenset()


def chart_states(chart_class: type[StateChart[Any]]) -> list[State]:
    """Every state of a chart but history states, each before what is inside it, in document order."""
    return [state for state in _walk(chart_class.states) if not isinstance(state, HistoryState)]


def chart_transitions(chart_class: type[StateChart[Any]]) -> list[Transition]:
    """Every transition of a chart, those of history states included, in document order."""
    return [transition for state in _walk(chart_class.states) for transition in state.transitions]


def describe_chart(
    chart_class: type[StateChart[Any]],
    *,
    reusable: bool,
    local_ids: Mapping[str, str] | None = None,
    variables: Iterable[str] = (),
) -> Chart:
    """The facts of a chart class. `local_ids` gives the id to show for an id that had to be made unique."""
    states, transitions = chart_states(chart_class), chart_transitions(chart_class)
    shown = local_ids or {}
    looks_at_data = depends_on_data(chart_class)
    by_guards = looks_at_data and not depends_on_data(chart_class, beside=is_guard)
    return Chart(
        chart_class=chart_class,
        paths={state.id: state_path(state, shown) for state in states},
        order={state.id: index for index, state in enumerate(states)},
        final=frozenset(state.id for state in states if state.final),
        top_final=frozenset(state.id for state in states if state.final and state.parent is None),
        events=frozenset(str(event) for transition in transitions for event in transition.events),
        depends_on_data=looks_at_data,
        reusable=reusable,
        guards=Guards(states, transitions) if by_guards else None,
        variables=frozenset(variables),
    )


def state_path(state: State, shown: Mapping[str, str]) -> str:
    """The dotted path of a state, outermost first."""
    ids = [*(ancestor.id for ancestor in reversed(list(state.ancestors()))), state.id]
    return ".".join(shown.get(name, name) for name in ids)


def depends_on_data(chart_class: type[StateChart[Any]], beside: Callable[[CallbackSpec], bool] | None = None) -> bool:
    """Whether the same event can do different things in the same active states: guards, actions, history, callbacks.

    `beside` tells callbacks that are left out of account. In doubt it is true, which costs time and nothing else.
    """
    holders: list[State | Transition] = [*_walk(chart_class.states), *chart_transitions(chart_class)]
    if chart_class._class_listeners or any(isinstance(holder, HistoryState) for holder in holders):
        return True
    specs = [spec for holder in holders for spec in holder._specs if not spec.is_convention]
    if any(not (asks_only_for_states(spec) or (beside is not None and beside(spec))) for spec in specs):
        return True
    conventions = {str(spec.func) for holder in holders for spec in holder._specs if spec.is_convention}
    return any(_is_code(chart_class, name) for name in {*conventions, *_own_names(chart_class)})


_LIBRARIES = ("builtins", "typing", "machines.python_form")
_DECISIVE = ("__init__", "__new__", "__getattr__", "__getattribute__", "__setattr__")


def _walk(states: Iterable[State]) -> Iterator[State]:
    for state in states:
        yield state
        yield from _walk(state.states)
        yield from state.history


def _own_names(chart_class: type[StateChart[Any]]) -> set[str]:
    """What the classes under the library's own have added, but for what Python adds to every class."""
    return {
        name
        for cls in chart_class.__mro__
        if cls.__module__ not in _LIBRARIES and not cls.__module__.startswith("statemachine.")
        for name in vars(cls)
        if not name.startswith("__") or name in _DECISIVE
    }


def _is_code(chart_class: type[StateChart[Any]], name: str) -> bool:
    found = next((vars(cls)[name] for cls in chart_class.__mro__ if name in vars(cls)), None)
    if isinstance(found, State | Event | SpecListGrouper):
        return False
    return callable(found) or hasattr(type(found), "__get__")
