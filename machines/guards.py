"""Guards that read an event's data and attributes: judged ahead, so that a chart's answer can be remembered.

What a chart does follows from its active states, the event and what its guards say. Where all guards are expressions
of a document over `data` and `attributes` alone, and nothing else in the chart looks at data, it is enough to ask
them: the same states, event and judgement lead to the same answer.
"""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from statemachine import State
from statemachine.callbacks import CallbackSpec
from statemachine.io.actions import Cond
from statemachine.io.evaluators import normalize_cond
from statemachine.transition import Transition

REMEMBERED_LIMIT = 10_000  # cases of a chart: event names come from outside
_FACTS = frozenset(("data", "attributes"))
_OF_THE_CHART = ("done.", "error.")  # events that a chart sends itself

Judgement = tuple[bool, ...]
Guard = Callable[..., bool]


def is_guard(spec: CallbackSpec) -> bool:
    """Whether a callback is a document's guard that reads data and attributes, and asks for no states."""
    nodes = _nodes(spec)
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return bool(nodes) and names <= _FACTS and not any(isinstance(node, ast.Call) for node in nodes)


def asks_only_for_states(spec: CallbackSpec) -> bool:
    """Whether a callback is a document's guard that names nothing but active states: `In('stage.failed')`."""
    nodes = _nodes(spec)
    called = {node.func for node in nodes if isinstance(node, ast.Call)}
    return bool(nodes) and all(node in called for node in nodes if isinstance(node, ast.Name))


def _nodes(spec: CallbackSpec) -> list[ast.AST]:
    """What a document's guard is made of; nothing where the callback is none."""
    if not isinstance(spec.func, Cond):
        return []
    return list(ast.walk(ast.parse(normalize_cond(spec.func.action).strip(), mode="eval")))


class Guards:
    """The guards of a chart, by the states and events that they can matter to."""

    def __init__(self, states: Iterable[State], transitions: Iterable[Transition]) -> None:
        self._states = {state.id: state for state in states}
        self._anywhere = [found for each in transitions if _follows(each) for found in _guards(each)]
        self._known: dict[tuple[tuple[str, ...], str | None], Sequence[Guard]] = {}

    def judge(
        self,
        configuration: tuple[str, ...],
        event: str | None,
        data: Mapping[str, object],
        attributes: Mapping[str, object],
    ) -> Judgement | None:
        """What every guard says that an event may come upon; None where one fails, which the chart has to see.

        `data` and `attributes` are as guards see them. `event` is None for the start.
        """
        key = (configuration, event)
        guards = self._known.get(key)
        if guards is None:
            if len(self._known) >= REMEMBERED_LIMIT:
                self._known.clear()
            guards = self._known[key] = self._find(configuration, event)
        try:
            return tuple([bool(guard(data=data, attributes=attributes)) for guard in guards])
        except Exception:  # what a comparison of two kinds raises, for one
            return None

    def _find(self, configuration: tuple[str, ...], event: str | None) -> list[Guard]:
        found = list(self._anywhere)
        for name in configuration if event is not None else ():
            for transition in self._states[name].transitions:
                if not _follows(transition) and transition.match(event or ""):
                    found += _guards(transition)
        return found


def _follows(transition: Transition) -> bool:
    """Whether a transition may be taken after another one, by no event from outside."""
    return transition.is_eventless or any(
        str(event) == "*" or str(event).startswith(_OF_THE_CHART) or str(event) + "." in _OF_THE_CHART
        for event in transition.events
    )


def _guards(transition: Transition) -> Iterator[Guard]:
    for spec in transition._specs:
        if isinstance(spec.func, Cond) and is_guard(spec):
            yield spec.func
