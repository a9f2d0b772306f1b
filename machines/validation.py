"""The checks of a machine whose chart could be built: what is reachable, and what its facts name."""

from statemachine import State
from statemachine.transition import Transition

from machines.charts import Chart, chart_states, chart_transitions
from machines.interpreter import Interpreter, RefusalError
from machines.places import Document, Path
from machines.problems import Problem
from machines.reachability import Reachability
from machines.semantics import check_facts


def check_machine(document: Document, chart: Chart) -> list[Problem]:
    """All that is wrong with a machine, chart and facts."""
    problems = [*_check_names(document, chart), *_check_reach(document, chart), *check_facts(document, chart)]
    if not problems:
        problems += _check_start(document, chart)
    return problems


def place_of(chart: Chart, state_id: str) -> Path:
    """Where a state stands in a document."""
    path: Path = ("chart",)
    for step in chart.paths[state_id].split("."):
        path += ("states", step)
    return path


def _check_names(document: Document, chart: Chart) -> list[Problem]:
    """Events that python-statemachine would take for a callback of a state or of another event."""
    holders: list[State | Transition] = [*chart_states(chart.chart_class), *chart_transitions(chart.chart_class)]
    callbacks = {str(spec.func) for holder in holders for spec in holder._specs if spec.is_convention}
    return [
        document.problem(("chart",), f"an event cannot be called {event}: it is the name of a callback of this chart")
        for event in sorted(chart.events & callbacks)
    ]


def _check_reach(document: Document, chart: Chart) -> list[Problem]:
    reachability = Reachability(chart.chart_class)
    problems = [
        document.problem(place_of(chart, state.id), f"the state {chart.paths[state.id]} can never be reached")
        for state in reachability.unreachable()
    ]
    for circle in reachability.endless():
        names = " -> ".join(chart.paths.get(state.id, state.id) for state in [*circle, circle[0]])
        problems.append(
            document.problem(place_of(chart, circle[0].id), f"these transitions follow one another for ever: {names}")
        )
    if not reachability.can_end():
        problems.append(
            document.problem(("chart",), "no workflow could ever end: a top-level final state must be reachable")
        )
    return problems


def _check_start(document: Document, chart: Chart) -> list[Problem]:
    """A start on trial. Where it depends on data, only what the library says of the chart itself counts."""
    try:
        Interpreter(chart, remember=False).start({}, {})
    except RefusalError as refusal:
        if not chart.depends_on_data or type(refusal.__cause__).__module__.startswith("statemachine."):
            return [document.problem(("chart",), f"the chart cannot start: {refusal}")]
    return []
