"""A machine as a Mermaid diagram: python-statemachine draws it, under the ids and event names of the document."""

import re
from collections.abc import Iterable, Mapping

from statemachine.contrib.diagram.extract import extract
from statemachine.contrib.diagram.model import DiagramState
from statemachine.contrib.diagram.renderers.mermaid import MermaidRenderer
from statemachine.transition import Transition

from machines.charts import chart_transitions
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
        drawn.event = _escape(_name_events(transition, paths))
        drawn.guards = [_escape(_name_states(str(guard), paths)) for guard in transition.cond]
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


def _name_events(transition: Transition, paths: Mapping[str, str]) -> str:
    names = [str(event) for event in transition.events]
    shown = [name for name in names if name.replace(".", "_") not in names or "." not in name]
    return " ".join(_name_states(name, paths) for name in shown)


def _name_states(text: str, paths: Mapping[str, str]) -> str:
    """A text with the paths of states where ids had to be made unique."""
    return re.sub(r"\w+", lambda match: paths.get(match[0], match[0]) if "__" in match[0] else match[0], text)


def _escape(text: str) -> str:
    return text.translate(_ENTITIES)
