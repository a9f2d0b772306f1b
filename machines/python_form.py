"""The Python form of machines: a chart class of its own code, trusted."""

import importlib
import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeVar

from statemachine import State, StateChart
from statemachine.callbacks import CallbackGroup
from statemachine.state import HistoryState
from statemachine.transition import Transition

from machines.charts import chart_states, chart_transitions, depends_on_data, describe_chart
from machines.documents import Reading, make_machine
from machines.journal import Outcome
from machines.names import event_name_fault, state_name_fault
from machines.places import Document
from machines.schema import ANY_CHART, check_shape
from machines.validation import check_machine

TModel = TypeVar("TModel")
_CLASS_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


class WorkflowChart(StateChart[TModel]):
    """A chart with Longspan's facts as class attributes; they mean what the keys of a document mean.

    `chart_events` is the documents' `events`: python-statemachine uses that name itself. Callbacks must give the same
    result for the same events: no clock, no random, no I/O. What they keep they keep on `self.model`, as plain values.
    """

    # Problems are found, and told together, when the class is loaded as a machine.
    validate_disconnected_states = False
    validate_trap_states = False
    validate_final_reachability = False
    allow_event_without_transition = False
    catch_errors_as_events = False

    machine: ClassVar[str] = ""
    version: ClassVar[int] = 1
    starts_on: ClassVar[Sequence[str]] = ()
    attributes: ClassVar[Sequence[str]] = ()
    export: ClassVar[Literal["complete", "progressive"]] = "complete"
    trace: ClassVar[Literal["own", "continue"]] = "own"
    chart_events: ClassVar[Mapping[str, str]] = {}
    deadlines: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    outcomes: ClassVar[Mapping[str, Outcome]] = {}
    children: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    parent_ended: ClassVar[Mapping[str, str] | None] = None
    renamed: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    source: ClassVar[Mapping[str, Any] | None] = None


_FACTS = {
    "machine": "machine",
    "version": "version",
    "starts_on": "starts_on",
    "attributes": "attributes",
    "export": "export",
    "trace": "trace",
    "chart_events": "events",
    "deadlines": "deadlines",
    "outcomes": "outcomes",
    "children": "children",
    "parent_ended": "parent_ended",
    "renamed": "renamed",
    "source": "source",
}


def is_class_name(source: str) -> bool:
    """Whether a source is written like `module:Class`."""
    return _CLASS_NAME.fullmatch(source) is not None


def examine_class(source: str) -> Reading:
    """The machine of `module:Class`, or what is wrong with it. The module is imported, so its code runs."""
    document = Document(source)
    module_name, _, class_name = source.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name, None)
    except Exception as error:  # whatever a foreign module raises while it is imported
        reason = f"importing {module_name} failed: {type(error).__name__}: {error}"
        return Reading(document, None, [document.problem((), reason)])
    if not (isinstance(found, type) and issubclass(found, WorkflowChart)):
        said = "has no such class" if found is None else f"has {class_name}, but it is no subclass of WorkflowChart"
        return Reading(document, None, [document.problem((), f"{module_name} {said}")])
    return _examine(document, found)


def read_class(chart_class: type[WorkflowChart[Any]]) -> Reading:
    """The machine of a class, or what is wrong with it."""
    return _examine(Document(f"{chart_class.__module__}:{chart_class.__qualname__}"), chart_class)


def _examine(document: Document, chart_class: type[WorkflowChart[Any]]) -> Reading:
    found = {fact: _plain(getattr(chart_class, name)) for name, fact in _FACTS.items()}
    document.facts = {fact: value for fact, value in found.items() if value is not None}
    named = {"machine": document.facts["machine"] or "any", "chart": ANY_CHART}  # no name is told below
    shape = Document(document.origin, {**document.facts, **named})
    problems = check_shape(shape) + [document.problem((), reason) for reason in _faults(chart_class)]
    if problems:
        return Reading(document, None, problems)
    chart = describe_chart(chart_class, reusable=not depends_on_data(chart_class))
    problems = check_machine(document, chart)
    return Reading(document, None if problems else make_machine(document, chart), problems)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value


def _faults(chart_class: type[WorkflowChart[Any]]) -> list[str]:
    if not chart_class.states:
        return ["the chart has no states"]
    if not chart_class.machine:
        return ["the class attribute `machine` is missing: it names the machine"]
    faults = []
    states = chart_states(chart_class)
    seen: set[str] = set()
    for state in states:
        faults.append(state_name_fault(state.id))
        if state.id in seen:
            faults.append(f"two states have the id {state.id}: python-statemachine tells states apart by their ids")
        if state.value != state.id:
            faults.append(f"the state {state.id} has the value {state.value!r}: leave `value` out")
        if state.final and state.parent is not None and state.parent.parallel:
            faults.append(f"{state.id} is a region of a parallel state and cannot be final")
        if state.final and state.transitions:
            faults.append(f"the final state {state.id} has transitions")
        seen.add(state.id)
    for transition in chart_transitions(chart_class):
        faults += [event_name_fault(str(event)) for event in transition.events]
    faults += [f"the event {event} has a delay: use deadlines" for event in chart_class._events if event.delay]
    if any(isinstance(state, HistoryState) for state in chart_class.states):
        faults.append("history belongs into a compound state")
    holders: list[State | Transition] = [*states, *chart_transitions(chart_class)]
    for holder in holders:
        for spec in holder._specs:
            if spec.group == CallbackGroup.INVOKE and not spec.is_convention:
                faults.append("invoke starts another process: let its events come in instead")
            if inspect.iscoroutinefunction(spec.func):
                faults.append(f"the callback {spec.attr_name} is async: callbacks only compute")
    faults += [
        f"{name} is async: callbacks only compute"
        for name, value in vars(chart_class).items()
        if inspect.iscoroutinefunction(value)
    ]
    for name in ("allow_event_without_transition", "catch_errors_as_events"):
        if getattr(chart_class, name):
            faults.append(f"{name} must stay False: an event that does nothing would not be told as rejected")
    return list(dict.fromkeys(fault for fault in faults if fault))
