"""What a machine's facts say about its chart: that what they name exists and can happen."""

from collections.abc import Iterable, Mapping
from typing import Any

from statemachine import State
from statemachine.transition import Transition

from machines.charts import Chart, chart_states, chart_transitions
from machines.durations import parse_duration
from machines.errors import DurationError
from machines.machine import Deadline
from machines.names import event_type_fault
from machines.places import Document
from machines.problems import Problem
from machines.renaming import check_renamed
from machines.schema import suggest

LONGEST_DEADLINE_NS = 10 * 366 * 86_400 * 10**9  # ten years: further out is a slip of the pen


def check_facts(document: Document, chart: Chart) -> list[Problem]:
    """All that is wrong with the facts beside a chart, in the order of the facts."""
    return _Facts(document, chart).check()


class _Facts:
    def __init__(self, document: Document, chart: Chart) -> None:
        self._document = document
        self._chart = chart
        self._states = {chart.paths[state.id]: state for state in chart_states(chart.chart_class)}
        self._transitions = chart_transitions(chart.chart_class)

    def check(self) -> list[Problem]:
        facts = self._document.facts
        return [
            *check_event_types(self._document),
            *check_attributes(self._document),
            *self._check_events(_mapping(facts, "events")),
            *self._check_deadlines(_mapping(facts, "deadlines")),
            *self._check_outcomes(_mapping(facts, "outcomes")),
            *check_renamed(self._document, self._chart),
        ]

    def _check_events(self, events: Mapping[str, Any]) -> Iterable[Problem]:
        for event_type, event in events.items():
            if not self._takers(event):
                yield self._document.problem(
                    ("events", event_type), f"no state takes the event {event!r}{self._suggest_event(event)}"
                )

    def _check_deadlines(self, deadlines: Mapping[str, Any]) -> Iterable[Problem]:
        for where, deadline in deadlines.items():
            place = ("deadlines", where)
            state = self._states.get(where)
            whole = where == self._document.facts.get("machine")
            if whole and state is not None:
                yield self._document.problem(place, f"{where} is the machine and a state: rename one of them")
            elif state is None and not whole:
                yield self._document.problem(place, f"there is no state {where!r}{suggest(where, self._states)}")
            elif state is not None and state.final:
                yield self._document.problem(place, f"{where} is a final state: nothing can be overdue there")
            yield from self._check_deadline(where, deadline, state)

    def _check_deadline(self, where: str, deadline: Mapping[str, str], state: State | None) -> Iterable[Problem]:
        try:
            after_ns = parse_duration(deadline["after"])
        except DurationError as error:
            yield self._document.problem(("deadlines", where, "after"), str(error))
        else:
            if not 0 < after_ns <= LONGEST_DEADLINE_NS:
                yield self._document.problem(
                    ("deadlines", where, "after"), f"{deadline['after']} must be more than 0 and at most 10 years"
                )
        place = ("deadlines", where, "send")
        takers = self._takers(deadline["send"])
        if not takers:
            yield self._document.problem(
                place, f"no state takes the event {deadline['send']!r}{self._suggest_event(deadline['send'])}"
            )
        elif state is not None and not any(_are_active_together(state, taker.source) for taker in takers):
            sources = ", ".join(dict.fromkeys(self._chart.paths.get(t.source.id, t.source.id) for t in takers))
            yield self._document.problem(
                place, f"the event {deadline['send']!r} is not taken while {where} is active, only in {sources}"
            )

    def _check_outcomes(self, outcomes: Mapping[str, Any]) -> Iterable[Problem]:
        for where in outcomes:
            state = self._states.get(where)
            finals = [path for path, known in self._states.items() if known.final]
            if state is None:
                reason = f"there is no state {where!r}{suggest(where, finals)}"
            elif not state.final:
                reason = f"{where} is not a final state, so no workflow ends in it"
            elif not _can_end_workflow(state):
                reason = f"{where} only ends {where.rpartition('.')[0]}, not the workflow"
            else:
                continue
            yield self._document.problem(("outcomes", where), reason)

    def _takers(self, event: str) -> list[Transition]:
        return [transition for transition in self._transitions if transition.events.match(event)]

    def _suggest_event(self, event: str) -> str:
        return suggest(event, self._chart.events)


def check_event_types(document: Document) -> Iterable[Problem]:
    """The form of event types in `starts_on` and `events`."""
    for index, event_type in enumerate(_texts(document, "starts_on")):
        fault = event_type_fault(event_type)
        if fault:
            yield document.problem(("starts_on", index), fault)
    for event_type in _mapping(document.facts, "events"):
        fault = event_type_fault(event_type)
        if fault:
            yield document.problem(("events", event_type), fault)


def check_attributes(document: Document) -> Iterable[Problem]:
    """Attribute names that the trace model keeps for itself."""
    for index, name in enumerate(_texts(document, "attributes")):
        if name.startswith("workflow."):
            yield document.problem(("attributes", index), f"{name!r}: names with workflow. in front are Longspan's own")
        elif not name.isprintable():
            yield document.problem(("attributes", index), f"{name!r} has characters that cannot be printed")


def read_deadlines(facts: Mapping[str, Any]) -> dict[str, Deadline]:
    """The deadlines of checked facts."""
    return {
        where: Deadline(parse_duration(deadline["after"]), deadline["send"])
        for where, deadline in _mapping(facts, "deadlines").items()
    }


def _mapping(facts: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return facts.get(key) or {}


def _texts(document: Document, key: str) -> list[str]:
    facts: Mapping[str, Any] = document.facts
    return facts.get(key) or []


def _can_end_workflow(state: State) -> bool:
    """Whether the workflow can come to rest in a final state: a top-level one, or one inside a top-level parallel."""
    return state.parent is None or any(a.parallel and a.parent is None for a in state.ancestors())


def _are_active_together(one: State, other: State) -> bool:
    """Whether two states can be active at once: one inside the other, or in different regions of a parallel state."""
    line = [one, *one.ancestors()]
    other_line = [other, *other.ancestors()]
    if one in other_line or other in line:
        return True
    nearest = next((state for state in line if state in other_line), None)
    return nearest is not None and nearest.parallel
