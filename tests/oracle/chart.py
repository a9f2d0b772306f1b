"""One python-statemachine object for one run, kept in memory: no snapshots, nothing remembered."""

from collections.abc import Mapping
from typing import Any

from statemachine import StateChart
from statemachine.exceptions import TransitionNotAllowed
from statemachine.state import State


class NotTakenError(Exception):
    """The chart does not take the event; the text is the reason that the journal gives, None where any will do."""

    def __init__(self, reason: str | None) -> None:
        self.reason = reason
        super().__init__(reason)


class Reading(dict[str, Any]):
    """A JSON object as guards read it: `data.amount`, null where it is missing."""

    def __getattribute__(self, name: str) -> Any:
        return dict.__getattribute__(self, name) if name.startswith("_") else reading(dict.get(self, name))


def reading(value: Any) -> Any:
    """A JSON value as guards read it."""
    if isinstance(value, dict):
        return Reading(value)
    return tuple(reading(item) for item in value) if isinstance(value, list) else value


class _Model:
    """What the chart keeps its variables on."""


class _Listener:
    def __init__(self) -> None:
        self.steps: list[tuple[str, State]] = []

    def on_enter_state(self, state: State) -> None:
        self.steps.append(("*" if state.final else "+", state))

    def on_exit_state(self, state: State) -> None:
        if not state.final:
            self.steps.append(("-", state))


class LiveChart:
    """The chart of one run. `ended` turns true when it has come to a top-level final state."""

    def __init__(
        self, chart_class: type[StateChart[Any]], data: Mapping[str, Any], attributes: Mapping[str, Any]
    ) -> None:
        self._chart_class = chart_class
        self._first = dict(data), dict(attributes)
        self._sent: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        self._begin()
        self.first_steps = self._steps()

    @property
    def ended(self) -> bool:
        """Whether the chart has come to its end."""
        return bool(self._machine.is_terminated)

    @property
    def finals(self) -> list[str]:
        """Paths of the final states it rests in: top-level ones, else (all regions of a parallel ended) inner ones."""
        final = [state for state in self._resting() if state.final]
        return [path(state) for state in ([state for state in final if state.parent is None] or final)]

    def send(self, event: str, data: Mapping[str, Any], attributes: Mapping[str, Any]) -> list[str]:
        """The steps that the event makes. Raises NotTakenError, and then nothing has changed."""
        if event not in self._events():
            raise NotTakenError(self._not_taken(event))
        try:
            self._machine.send(event, data=Reading(data), attributes=Reading(attributes))
        except TransitionNotAllowed:
            raise NotTakenError(self._not_taken(event)) from None
        except Exception:
            self._begin()  # the object may be half way: make a new one and send it what it had taken
            self._steps()
            for taken in self._sent:
                self._machine.send(taken[0], data=Reading(taken[1]), attributes=Reading(taken[2]))
                self._steps()
            raise NotTakenError(None) from None
        self._sent.append((event, dict(data), dict(attributes)))
        return self._steps()

    def wanted(self, *, onward: bool) -> list[str]:
        """The events that transitions of the active states name; `onward`, those that do not end everything."""
        active = self._machine.configuration
        transitions = [transition for state in active for transition in state.transitions]
        events = {str(event) for transition in transitions for event in transition.events}
        if onward:
            ending = [taken for taken in transitions if taken.target and taken.target.final and not taken.target.parent]
            events -= {str(event) for taken in ending for event in taken.events}
        return sorted(event for event in events if not event.startswith("done."))

    def _begin(self) -> None:
        self._listener = _Listener()
        data, attributes = Reading(self._first[0]), Reading(self._first[1])
        model = _Model()
        vars(model).update(data=data, attributes=attributes)
        self._machine = self._chart_class(model, listeners=[self._listener], data=data, attributes=attributes)

    def _steps(self) -> list[str]:
        steps = [sign + path(state) for sign, state in self._listener.steps]
        self._listener.steps.clear()
        if self.ended:
            steps += ["-" + path(state) for state in reversed(self._resting()) if not state.final]
        return steps

    def _resting(self) -> list[State]:
        return sorted(self._machine.configuration, key=lambda state: state.document_order)

    def _events(self) -> set[str]:
        return {
            str(event)
            for state in self._chart_class.states_map.values()
            for holder in (state, *state.history)
            for transition in holder.transitions
            for event in transition.events
        }

    def _not_taken(self, event: str) -> str:
        active = list(self._machine.configuration)
        innermost = [state for state in active if not any(other.parent is state for other in active)]
        return f"no transition for {event!r} in {', '.join(sorted(path(state) for state in innermost))}"


def path(state: State) -> str:
    """The state's dotted path, outermost first. Ids that two documents' states share were made unique by their path."""
    if state.parent is None:
        return str(state.id)
    around = path(state.parent)
    return f"{around}.{state.id.removeprefix(around.replace('.', '__') + '__')}"
