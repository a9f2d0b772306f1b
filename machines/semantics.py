"""What a machine's facts say about its chart: that what they name exists and can happen."""

from collections.abc import Iterable, Mapping
from typing import Any

from statemachine import State
from statemachine.transition import Transition

from machines.charts import Chart, chart_states, chart_transitions
from machines.durations import parse_duration
from machines.errors import DurationError
from machines.machine import CHILDREN_DONE, ChildrenRule, Deadline
from machines.names import event_type_fault
from machines.places import Document
from machines.problems import Problem
from machines.renaming import check_renamed
from machines.schema import suggest
from machines.source_rules import check_source

_COUNTS: Mapping[object, int | None] = {"all": None, "first": 1}
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
            *self._check_children(_mapping(facts, "children")),
            *self._check_parent_ended(_mapping(facts, "parent_ended")),
            *check_renamed(self._document, self._chart),
            *check_source(self._document),
        ]

    def _check_events(self, events: Mapping[str, Any]) -> Iterable[Problem]:
        for event_type, event in events.items():
            if not self._takers(event):
                yield self._document.problem(
                    ("events", event_type), f"no state takes the event {event!r}{self._suggest_event(event)}"
                )

    def _check_deadlines(self, deadlines: Mapping[str, Any]) -> Iterable[Problem]:
        for where, deadline in deadlines.items():
            yield from self._check_where("deadlines", where, "nothing can be overdue there")
            yield from self._check_after(where, deadline)
            yield from self._check_sent("deadlines", where, deadline["send"])

    def _check_children(self, rules: Mapping[str, Any]) -> Iterable[Problem]:
        collected = _texts(self._document, "attributes")
        for where, rule in rules.items():
            yield from self._check_where("children", where, "nobody waits there")
            expected = rule.get("expected")
            if expected is not None and expected not in collected:
                reason = f"{expected!r} is not among the attributes, so nobody keeps it{suggest(expected, collected)}"
                yield self._document.problem(("children", where, "expected"), reason)
            yield from self._check_sent("children", where, rule.get("send", CHILDREN_DONE))

    def _check_parent_ended(self, answers: Mapping[str, Any]) -> Iterable[Problem]:
        for outcome, event in answers.items():
            if not self._takers(event):
                reason = f"no state takes the event {event!r}{self._suggest_event(event)}"
                yield self._document.problem(("parent_ended", outcome), reason)

    def _check_where(self, section: str, where: str, why: str) -> Iterable[Problem]:
        """That a key names a state that can be active for a while, or the machine."""
        state, whole = self._states.get(where), where == self._document.facts.get("machine")
        place = (section, where)
        if whole and state is not None:
            yield self._document.problem(place, f"{where} is the machine and a state: rename one of them")
        elif state is None and not whole:
            yield self._document.problem(place, f"there is no state {where!r}{suggest(where, self._states)}")
        elif state is not None and state.final:
            yield self._document.problem(place, f"{where} is a final state: {why}")

    def _check_after(self, where: str, deadline: Mapping[str, str]) -> Iterable[Problem]:
        try:
            after_ns = parse_duration(deadline["after"])
        except DurationError as error:
            yield self._document.problem(("deadlines", where, "after"), str(error))
        else:
            if not 0 < after_ns <= LONGEST_DEADLINE_NS:
                yield self._document.problem(
                    ("deadlines", where, "after"), f"{deadline['after']} must be more than 0 and at most 10 years"
                )

    def _check_sent(self, section: str, where: str, event: str) -> Iterable[Problem]:
        place, state = (section, where, "send"), self._states.get(where)
        takers = self._takers(event)
        if not takers:
            yield self._document.problem(place, f"no state takes the event {event!r}{self._suggest_event(event)}")
        elif state is not None and not any(_are_active_together(state, taker.source) for taker in takers):
            sources = ", ".join(dict.fromkeys(self._chart.paths.get(t.source.id, t.source.id) for t in takers))
            yield self._document.problem(
                place, f"the event {event!r} is not taken while {where} is active, only in {sources}"
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


def read_children(facts: Mapping[str, Any]) -> dict[str, ChildrenRule]:
    """The rules for children of checked facts."""
    return {
        where: ChildrenRule(
            _COUNTS.get(rule.get("wait_for", "all"), rule.get("wait_for")),
            rule.get("expected"),
            rule.get("send", CHILDREN_DONE),
        )
        for where, rule in _mapping(facts, "children").items()
    }


def read_parent_ended(facts: Mapping[str, Any], chart: Chart) -> dict[str, str]:
    """What checked facts say of the parent's end; where they say nothing, a time-out reaches down to a chart that has
    an event for it."""
    told = facts.get("parent_ended")
    if told is None:
        return {"timeout": "timeout"} if "timeout" in chart.events else {}
    return dict(told)


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
