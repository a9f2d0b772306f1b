"""What a drawing of a machine shows: its states within one another, and one arrow for all that leads between two."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from statemachine import State
from statemachine.state import HistoryState
from statemachine.transition import Transition

from machines.charts import chart_transitions
from machines.machine import Machine

Kind = Literal["chart", "state", "compound", "parallel", "final", "initial", "history"]


@dataclass(eq=False, slots=True)
class Shape:
    """A state or a mark. `path` is the state's, empty for marks. `notes` are transitions that go nowhere."""

    kind: Kind
    name: str
    path: str
    parent: "Shape | None"
    children: list["Shape"] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_region(self) -> bool:
        """Whether it is active together with its siblings."""
        return self.parent is not None and self.parent.kind == "parallel"

    def around(self) -> Iterator["Shape"]:
        """The shapes around this one, innermost first."""
        shape = self.parent
        while shape is not None:
            yield shape
            shape = shape.parent

    def walk(self) -> Iterator["Shape"]:
        """This shape, then all that is inside it, each before its own content."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(eq=False, slots=True)
class Arrow:
    """Everything that leads from one shape to another: one text for each transition."""

    source: Shape
    target: Shape
    texts: list[str] = field(default_factory=list)


def figure(machine: Machine) -> tuple[Shape, list[Arrow]]:
    """The chart as a tree of shapes, and the arrows between them, in document order."""
    paths = machine.chart.paths
    root = Shape("chart", machine.name, "", None)
    shapes: dict[str, Shape] = {}
    _add(root, machine.chart.chart_class.states, paths, shapes)
    arrows: dict[tuple[Shape, Shape], Arrow] = {}
    for state in machine.chart.chart_class.states:
        if state.initial:
            _join(arrows, _mark(root), shapes[state.id], "")
    for transition in chart_transitions(machine.chart.chart_class):
        source = shapes[transition.source.id]
        if transition.initial:
            if source.kind == "parallel":
                continue
            source = _mark(source)
        text = describe_transition(transition, paths)
        targets = [shapes[target.id] for target in transition.targets if target is not None]
        for target in targets:
            _join(arrows, source, target, text)
        if not targets:
            source.notes.append(text)
    return root, list(arrows.values())


def describe_transition(transition: Transition, paths: Mapping[str, str]) -> str:
    """A transition in one line: its events (`done` where its own state has finished), and its guards in brackets."""
    guards = " and ".join(name_guards(transition, paths))
    events = name_events(transition, paths).replace(f"done.state.{paths.get(transition.source.id)}", "done")
    return f"{events} [{guards}]".strip() if guards else events


def name_events(transition: Transition, paths: Mapping[str, str]) -> str:
    """The events of a transition as the document names them, with spaces between them."""
    names = [str(event) for event in transition.events]
    shown = [name for name in names if name.replace(".", "_") not in names or "." not in name]
    return " ".join(_name_states(name, paths) for name in shown)


def name_guards(transition: Transition, paths: Mapping[str, str]) -> list[str]:
    """The guards of a transition as the document writes them."""
    return [_name_states(str(guard), paths) for guard in transition.cond]


def _name_states(text: str, paths: Mapping[str, str]) -> str:
    """A text with the paths of states where ids had to be made unique."""
    return re.sub(r"\w+", lambda match: paths.get(match[0], match[0]) if "__" in match[0] else match[0], text)


def _add(parent: Shape, states: Iterable[State], paths: Mapping[str, str], shapes: dict[str, Shape]) -> None:
    for state in states:
        path = paths[state.id]
        shape = Shape(_kind(state), path.rpartition(".")[2], path, parent)
        shapes[state.id] = shape
        parent.children.append(shape)
        _add(shape, state.states, paths, shapes)
        for mark in state.history:
            remembers = Shape("history", "H*" if _is_deep(mark) else "H", "", shape)
            shapes[mark.id] = remembers
            shape.children.append(remembers)


def _kind(state: State) -> Kind:
    if state.final:
        return "final"
    if state.parallel:
        return "parallel"
    return "compound" if state.states or state.history else "state"


def _is_deep(mark: HistoryState) -> bool:
    return str(getattr(mark.type, "value", mark.type)) == "deep"


def _mark(container: Shape) -> Shape:
    """The mark from which an arrow leads to where a container begins."""
    found = next((child for child in container.children if child.kind == "initial"), None)
    if found is None:
        found = Shape("initial", "", "", container)
        container.children.insert(0, found)
    return found


def _join(arrows: dict[tuple[Shape, Shape], Arrow], source: Shape, target: Shape, text: str) -> None:
    arrow = arrows.setdefault((source, target), Arrow(source, target))
    if text and text not in arrow.texts:
        arrow.texts.append(text)
