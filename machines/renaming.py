"""Renamed events and states: what the machine's earlier versions called otherwise, found again under today's names."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from machines.charts import Chart, chart_states, chart_transitions
from machines.names import event_type_fault
from machines.places import Document
from machines.problems import Problem
from machines.schema import suggest


def new_path(renamed: Mapping[str, str], path: str) -> str:
    """What the state at `path` is called now; a state inside a renamed one moves with it."""
    outer, inner = path, ""
    while outer:
        found = renamed.get(outer)
        if found is not None:
            return found + inner
        outer, _, last = outer.rpartition(".")
        inner = f".{last}{inner}"
    return path


def with_former(starts_on: Sequence[str], renamed: Mapping[str, str]) -> tuple[str, ...]:
    """The event types that start a workflow, under their former names too."""
    former = [old for old, new in renamed.items() if new in starts_on and old not in starts_on]
    return (*starts_on, *former)


def check_renamed(document: Document, chart: Chart) -> Iterable[Problem]:
    """That new names exist in the chart, and that old ones are free."""
    facts: Mapping[str, Any] = document.facts
    renamed = facts.get("renamed") or {}
    yield from _check_events(document, chart, renamed.get("events") or {})
    yield from _check_states(document, chart, renamed.get("states") or {})


def _check_events(document: Document, chart: Chart, renamed: Mapping[str, str]) -> Iterable[Problem]:
    facts: Mapping[str, Any] = document.facts
    named: Mapping[str, str] = facts.get("events") or {}
    starts: Sequence[str] = facts.get("starts_on") or ()
    transitions = chart_transitions(chart.chart_class)
    for old, new in renamed.items():
        place = ("renamed", "events", old)
        fault = event_type_fault(old) or event_type_fault(new)
        event = named.get(new) or new.rpartition(".")[2]
        if fault:
            yield document.problem(place, fault)
        elif old in starts or old in named or any(str(one) == old for t in transitions for one in t.events):
            yield document.problem(place, f"{old!r} is an event of this machine: only what is gone has a new name")
        elif new in renamed:
            yield document.problem(place, f"{new!r} is renamed itself: name what it is called in the end")
        elif new not in starts and not any(transition.events.match(event) for transition in transitions):
            yield document.problem(place, f"no state takes the event {event!r}{suggest(event, chart.events)}")


def _check_states(document: Document, chart: Chart, renamed: Mapping[str, str]) -> Iterable[Problem]:
    paths = {chart.paths[state.id] for state in chart_states(chart.chart_class)}
    for old, new in renamed.items():
        place = ("renamed", "states", old)
        if old in paths:
            yield document.problem(place, f"there still is a state {old!r}: only what is gone has a new name")
        elif new not in paths:
            yield document.problem(place, f"there is no state {new!r}{suggest(new, paths)}")
