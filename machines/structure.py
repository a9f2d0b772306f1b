"""The checks of a chart's own structure: ids, events, targets, guards and actions."""

import re
from collections.abc import Iterator, Mapping

from statemachine.io.model import HistoryState, State, StateMachineDefinition, Transition

from machines.names import event_name_fault, state_name_fault
from machines.places import Document, Path
from machines.problems import Problem
from machines.purity import Purity
from machines.schema import suggest

STATE_LIMIT = 1_000
TRANSITION_LIMIT = 10_000


def check_structure(document: Document, definition: StateMachineDefinition, local: Mapping[str, str]) -> list[Problem]:
    """All that is wrong with a definition. `local` gives the id in the document for an id that was made unique."""
    return list(_Structure(document, definition, local).check())


class _Structure:
    def __init__(self, document: Document, definition: StateMachineDefinition, local: Mapping[str, str]) -> None:
        self._document = document
        self._definition = definition
        self._local = local
        self._holders = list(_walk_definition(definition, local))
        self._paths = {holder.id: path for path, holder in self._holders}
        self._ids = frozenset(self._paths)
        self._rewritten = {
            name: ".".join(str(step) for step in path[2::2])
            for name, path in self._paths.items()
            if local.get(name, name) != name
        }
        named = document.facts.get("attributes")
        attributes = frozenset(named if isinstance(named, list) else ())
        states = frozenset(holder.id for _, holder in self._holders if isinstance(holder, State))
        self._purity = Purity(definition, attributes, states)

    def check(self) -> Iterator[Problem]:
        transitions = sum(len(holder.transitions) for _, holder in self._holders)
        if len(self._holders) > STATE_LIMIT or transitions > TRANSITION_LIMIT:
            yield self._document.problem(
                ("chart",), f"a chart may have {STATE_LIMIT} states and {TRANSITION_LIMIT} transitions, not more"
            )
            return
        for state in self._definition.initial_states:
            if state not in self._ids:
                yield self._document.problem(("chart",), f"there is no state {state!r} to begin with")
        found: list[Problem] = []
        if self._definition.datamodel:
            place: Path = ("chart", "datamodel")
            self._purity.check_variables(
                self._definition.datamodel, lambda reason: found.append(self._document.problem(place, reason))
            )
        for path, holder in self._holders:
            self._check_holder(path, holder, found)
        yield from found

    def _check_holder(self, path: Path, holder: State | HistoryState, found: list[Problem]) -> None:
        def complain(reason: str) -> None:
            found.append(self._document.problem(path, self._show(reason)))

        fault = state_name_fault(self._local.get(holder.id, holder.id))
        if fault:
            complain(fault)
        if isinstance(holder, State):
            self._purity.check_state(holder, complain)
            for reason in _shape_faults(holder):
                complain(reason)
        for index, transition in enumerate(holder.transitions):
            self._check_transition((*path, "transitions", index), holder, transition, found)

    def _check_transition(
        self, path: Path, holder: State | HistoryState, transition: Transition, found: list[Problem]
    ) -> None:
        def complain(reason: str) -> None:
            found.append(self._document.problem(path, self._show(reason)))

        for target in (transition.target or "").split():
            if target not in self._ids:
                complain(f"there is no state {target!r} to go to{suggest(target, self._ids)}")
        for event in (transition.event or "").split():
            fault = event_name_fault(event)
            if fault:
                complain(fault)
            finished = event.removeprefix("done.state.")
            if finished not in (event, "*") and finished not in self._ids:
                complain(f"there is no state {finished!r} that could finish{suggest(finished, self._ids)}")
        if transition.event is not None and not transition.event.strip():
            complain("event is empty: leave it out for a transition that needs no event")
        if isinstance(holder, HistoryState):
            if transition.event or transition.cond or transition.unless:
                complain("the default transition of a history state has neither event nor guard")
        elif holder.final:
            complain("a final state has no transitions")
        if transition.internal and transition.target and not self._is_inside(transition.target, holder.id):
            complain(f"an internal transition stays inside its state: {transition.target} is not inside {holder.id}")
        if transition.initial and (transition.event or transition.cond or transition.unless):
            complain("an initial transition has neither event nor guard")
        self._purity.check_transition(transition, complain)

    def _show(self, reason: str) -> str:
        """A reason with the paths of states where ids had to be made unique."""
        if not self._rewritten:
            return reason
        return re.sub(r"\w+", lambda match: self._rewritten.get(match[0], match[0]), reason)

    def _is_inside(self, targets: str, source: str) -> bool:
        inside = self._paths[source]
        return all(self._paths.get(target, inside)[: len(inside)] == inside for target in targets.split())


def _shape_faults(state: State) -> Iterator[str]:
    if state.final and (state.states or state.parallel):
        yield "a final state has no states inside it"
    if state.parallel and not state.states:
        yield "a parallel state needs regions: states inside it"
    if state.parallel and any(region.final for region in state.states.values()):
        yield "a region of a parallel state cannot be final: put a final state into the region"
    if state.history and not state.states:
        yield "history belongs to a state with states inside it"
    initial = [child.id for child in state.states.values() if child.initial]
    if len(initial) > 1 and not state.parallel:
        yield f"only one state can be the initial one, not {', '.join(initial)}"


def _walk_definition(
    definition: StateMachineDefinition, local: Mapping[str, str]
) -> Iterator[tuple[Path, State | HistoryState]]:
    pending: list[tuple[Path, State | HistoryState]] = [
        (("chart", "states", local.get(state.id, state.id)), state) for state in reversed(definition.states.values())
    ]
    while pending:
        path, holder = pending.pop()
        yield path, holder
        if isinstance(holder, State):
            children: list[tuple[str, State | HistoryState]] = [("states", child) for child in holder.states.values()]
            children += [("history", child) for child in holder.history.values()]
            pending += [((*path, kind, local.get(child.id, child.id)), child) for kind, child in reversed(children)]
