"""A machine as a Mermaid diagram: python-statemachine draws it, under the ids and event names of the document."""

import re
from collections.abc import Iterable, Mapping

from statemachine.contrib.diagram.extract import extract
from statemachine.contrib.diagram.model import DiagramState
from statemachine.contrib.diagram.renderers.mermaid import MermaidRenderer

from machines.charts import chart_transitions
from machines.figure import name_events, name_guards
from machines.machine import Machine

_PLAIN = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_KEYWORDS = frozenset(
    ("as", "class", "click", "default", "direction", "end", "hide", "note", "scale", "state", "style")
)
_ENTITIES = str.maketrans({"#": "#35;", ";": "#59;", ":": "#58;", "<": "#lt;", ">": "#gt;", '"': "#quot;", "\n": " "})


def draw_mermaid(machine: Machine) -> str:
    """The machine's chart as the text of a Mermaid state diagram."""
    paths = machine.chart.paths
    graph = extract(machine.chart.chart_class)
    for drawn, transition in zip(graph.transitions, chart_transitions(machine.chart.chart_class), strict=True):
        drawn.event = _escape(name_events(transition, paths))
        drawn.guards = [_escape(guard) for guard in name_guards(transition, paths)]
        drawn.is_initial = transition.initial
        drawn.is_internal = not transition.targets  # the library leaves all internal ones out
        drawn.source = _alias(drawn.source)
        drawn.targets = [_alias(target) for target in drawn.targets]
    _rename(graph.states, paths)
    graph.compound_state_ids = {_alias(name) for name in graph.compound_state_ids}
    return MermaidRenderer().render(graph)


def _rename(states: Iterable[DiagramState], paths: Mapping[str, str]) -> None:
    for state in states:
        state.name = paths.get(state.id, state.id).rpartition(".")[2].translate(_ENTITIES)
        state.id = _alias(state.id)
        state.actions = []
        _rename(state.children, paths)


def _alias(name: str) -> str:
    """An id that Mermaid can read."""
    if _PLAIN.fullmatch(name) and name.lower() not in _KEYWORDS:
        return name
    return "s_" + "".join(char if char.isascii() and char.isalnum() else f"_{ord(char):x}_" for char in name)


def _escape(text: str) -> str:
    return text.translate(_ENTITIES)
