"""The main path of a machine: the states that lead to success, by which one can say how far a workflow has come."""

from collections.abc import Iterator

from statemachine import State
from statemachine.transition import Transition

from machines.machine import Machine
from machines.reachability import finished_state, initial_states


def main_path(machine: Machine) -> tuple[str, ...]:
    """The paths of the states on the way from the start to an end with the outcome `ok`; empty where there is none.

    It is the first such way in document order: at each state the transitions of the innermost state are tried first,
    guards are taken to hold. A parallel state counts as one, with all that is in it.
    """
    paths = machine.chart.paths
    start = next(initial_states(machine.chart.chart_class), None)
    if start is None:
        return ()
    trail = [_rest(start)]
    seen = {trail[0].id}
    choices = [_following(trail[0])]
    while trail:
        state = trail[-1]
        if state.final and state.parent is None and machine.outcomes.get(paths[state.id], "ok") == "ok":
            return tuple(paths[passed.id] for passed in trail if not passed.final)
        target = next((found for found in choices[-1] if found.id not in seen), None)
        if target is None:
            trail.pop()
            choices.pop()
        else:
            seen.add(target.id)
            trail.append(target)
            choices.append(_following(target))
    return ()


def _rest(state: State) -> State:
    """Where a chart comes to rest that enters a state: in the innermost one, or in the outermost parallel one."""
    parallel = [around for around in (*reversed(list(state.ancestors())), state) if around.parallel]
    if parallel:
        return parallel[0]
    if state.is_history and state.parent is not None:
        state = state.parent
    inside = [target for transition in state.transitions if transition.initial for target in transition.targets]
    return _rest(inside[0]) if inside else state


def _following(state: State) -> Iterator[State]:
    around = [state, *state.ancestors()]
    for holder in around[1:2] if state.final else around:
        for transition in holder.transitions:
            if transition.targets and not transition.initial and _happens(transition, state, holder):
                yield _rest(transition.targets[0])


def _happens(transition: Transition, state: State, holder: State) -> bool:
    """Whether a transition can be taken here: what tells of an end is only taken at one."""
    finished = {finished_state(str(event)) for event in transition.events}
    ended = state.final or (state.parallel and state is holder)
    return holder.id in finished if state.final else ended or finished <= {None}
