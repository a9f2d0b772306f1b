"""Which states of a chart can ever be active, whether it can end, and whether it can run for ever by itself.

Guards are taken to hold: what is unreachable here is unreachable whatever the events say.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from statemachine import State, StateChart
from statemachine.transition import Transition

from machines.charts import chart_states

_DONE_STATE = "done.state."


class Reachability:
    """The states that can be active, found once."""

    def __init__(self, chart_class: type[StateChart[Any]]) -> None:
        self._states = {state.id: state for state in chart_states(chart_class)}
        self._top = list(chart_class.states)
        self._reached: set[str] = set()
        self._visits: set[tuple[str, str | None]] = set()
        self._waiting: dict[str, list[Transition]] = {}
        self._fresh: list[State] = []
        for state in initial_states(chart_class):
            self._enter(state)
        self._settle()

    def unreachable(self) -> list[State]:
        """States that cannot be reached though what encloses them can, in document order."""
        return [
            state
            for state in self._states.values()
            if state.id not in self._reached and (state.parent is None or state.parent.id in self._reached)
        ]

    def can_end(self) -> bool:
        """Whether a top-level final state is reachable, or a top-level parallel state can finish."""
        return any(
            state.id in self._reached and (state.final or (state.parallel and self._can_rest(state)))
            for state in self._top
        )

    def endless(self) -> list[list[State]]:
        """Circles of transitions that need no event and have no guard: once entered, never left."""
        return list(_find_circles(state for state in self._states.values() if state.id in self._reached))

    def _settle(self) -> None:
        moved = True
        while moved:
            while self._fresh:
                state = self._fresh.pop()
                for transition in state.transitions:
                    self._consider(transition)
            moved = False
            for name in list(self._waiting):
                if self._can_finish(self._states[name]):
                    moved = True
                    for transition in self._waiting.pop(name):
                        self._take(transition)

    def _consider(self, transition: Transition) -> None:
        """Take a transition now, or note which states must finish first."""
        if transition.initial:
            return  # taken by those who enter the state as a whole
        finishing = [finished_state(str(event)) for event in transition.events]
        if not finishing or any(name not in self._states for name in finishing):
            self._take(transition)
            return
        for name in finishing:
            self._waiting.setdefault(str(name), []).append(transition)

    def _take(self, transition: Transition) -> None:
        for target in transition.targets:
            self._enter(target)

    def _enter(self, state: State) -> None:
        """Mark a state with all that is entered along with it: what is around it, and where it begins inside."""
        pending: list[tuple[State, State | None]] = [(state, None)]  # a state, and the state inside that it holds
        while pending:
            state, holds = pending.pop()
            visit = (state.id, None if holds is None else holds.id)
            if visit in self._visits:
                continue
            self._visits.add(visit)
            if state.parent is not None:
                pending.append((state.parent, state))
            if state.is_history:
                pending += [(target, None) for transition in state.transitions for target in transition.targets]
                continue
            if state.id not in self._reached:
                self._reached.add(state.id)
                self._fresh.append(state)
            if state.parallel:
                pending += [(region, None) for region in state.states if region is not holds]
            elif holds is None:
                pending += [(target, None) for t in state.transitions if t.initial for target in t.targets]

    def _can_finish(self, state: State) -> bool:
        """Whether `done.state` can come for a state; the library sends it for any final state directly inside."""
        return self._can_rest(state) or any(child.final and child.id in self._reached for child in state.states)

    def _can_rest(self, state: State) -> bool:
        if state.parallel:
            return bool(state.states) and all(self._can_rest(region) for region in state.states)
        return any(child.final and child.id in self._reached for child in state.states)


def initial_states(chart_class: type[StateChart[Any]]) -> Iterator[State]:
    """Where a chart begins."""
    names = chart_class.start_configuration_values
    if names:
        yield from (chart_class.states_map[name] for name in names)
    elif chart_class.initial_state is not None:
        yield chart_class.initial_state


def finished_state(event: str) -> str | None:
    """The state that `done.state.<id>` tells of, in either spelling of the Python form; None for other events."""
    for prefix in (_DONE_STATE, "done_state_"):
        if event.startswith(prefix):
            return event.removeprefix(prefix)
    return None


def _find_circles(states: Iterable[State]) -> Iterator[list[State]]:
    """Depth first over the transitions that follow by themselves, each start once."""
    automatic = {state.id: [t for t in state.transitions if _is_automatic(t)] for state in states}
    finished: set[int] = set()
    for transitions in automatic.values():
        for start in transitions:
            trail: list[Transition] = []
            choices = [iter([start])]
            while choices:
                transition = next(choices[-1], None)
                if transition is None:
                    choices.pop()
                    if trail:
                        finished.add(id(trail.pop()))
                elif transition in trail:
                    yield [taken.source for taken in trail[trail.index(transition) :]]
                elif id(transition) not in finished:
                    trail.append(transition)
                    choices.append(iter(_followers(transition, automatic)))


def _is_automatic(transition: Transition) -> bool:
    if transition.initial or any(True for _ in transition.cond):
        return False
    return transition.is_eventless or any(str(event).startswith(("*", "done")) for event in transition.events)


def _followers(transition: Transition, automatic: dict[str, list[Transition]]) -> list[Transition]:
    """The transitions that a transition sets off."""
    entered = _entered_with(transition.targets) or [transition.source]
    around = [ancestor for state in entered[:1] for ancestor in state.ancestors()]
    done = {state.parent.id for state in entered if state.final and state.parent is not None}
    return [
        follower
        for state in [*entered, *around]
        for follower in automatic.get(state.id, ())
        if follower.is_eventless or any(follower.match(_DONE_STATE + name) for name in done)
    ]


def _entered_with(targets: Iterable[State]) -> list[State]:
    pending, entered = list(targets), []
    while pending:
        state = pending.pop(0)
        if state in entered:
            continue
        entered.append(state)
        if state.parallel:
            pending += state.states
        else:
            pending += [target for t in state.transitions if t.initial for target in t.targets]
    return entered
