"""From one version of a machine to another: where a running workflow stands, found again in the other chart."""

from collections.abc import Callable, Collection, Mapping

from machines.charts import chart_states
from machines.errors import MachinesError
from machines.machine import Machine
from machines.renaming import new_path
from machines.snapshot import Situation, Snapshot
from machines.timeouts import cancel_deadline


class MisfitError(MachinesError):
    """A workflow that cannot move to another version of its machine: its place does not exist in that chart."""

    def __init__(self, machine: Machine, fault: str) -> None:
        super().__init__(f"{machine.name} version {machine.version} {fault}")


def move(snapshot: Snapshot, machine: Machine, former: Machine | None) -> list[str]:
    """Put a running workflow on another version of its machine, in the states where it is, as paths name them.

    Deadlines stay as they were set; one that this version does not have is dropped, and one that only this version has
    is set when its state is entered the next time. `former` is the version that the workflow was on, where it is
    loaded. A state that this version has renamed is left under its old name and entered under the new one: these are
    the steps that come back. Raises MisfitError, and changes nothing.
    """
    snapshot.situation = _find_situation(snapshot, machine, former)
    snapshot.version = machine.version
    for timers in (snapshot.deadlines, snapshot.overdue):
        moved = {new_path(machine.renamed_states, key): value for key, value in timers.items()}
        timers.clear()
        timers.update(moved)
    for key in [key for key in snapshot.deadlines if key not in machine.deadlines]:
        cancel_deadline(snapshot, key)
    return _rename(snapshot, machine)


def _rename(snapshot: Snapshot, machine: Machine) -> list[str]:
    renamed = {path: new_path(machine.renamed_states, path) for path in snapshot.states}
    old = [path for path, now in renamed.items() if now != path]
    snapshot.pending_spans += len(old)
    snapshot.states = {renamed[path]: entered_ns for path, entered_ns in snapshot.states.items()}
    return [f"-{path}" for path in reversed(old)] + [f"+{renamed[path]}" for path in old]


def _find_situation(snapshot: Snapshot, machine: Machine, former: Machine | None) -> Situation:
    chart, situation = machine.chart, snapshot.situation
    paths = _remembered_paths(snapshot) if former is None else former.chart.paths
    find = _finder(machine, paths)
    active = []
    for state in situation.configuration:
        active.append(find(state))
        if (active[-1] in chart.final) == (paths.get(state) in snapshot.states):
            raise MisfitError(machine, f"has {chart.paths[active[-1]]} as another kind of state: final, or not")
    _check_whole(machine, active)
    histories = {history.id for state in chart_states(chart.chart_class) for history in state.history}
    for history in situation.history:
        if history not in histories:
            raise MisfitError(machine, f"has no history state {history}")
    for variable in sorted(chart.variables - situation.variables.keys()):
        raise MisfitError(machine, f"has a variable {variable}, for which the workflow has no value")
    return Situation(
        tuple(active),
        {history: [find(state) for state in states] for history, states in situation.history.items()},
        situation.variables,
    )


def _remembered_paths(snapshot: Snapshot) -> dict[str, str]:
    """The paths of active states by id, where the chart that made the ids is gone (see `machines.scopes`)."""
    active = set(snapshot.situation.configuration)
    joined = {path: path.replace(".", "__") for path in snapshot.states}
    return {name if name in active else path.rpartition(".")[2]: path for path, name in joined.items()}


def _finder(machine: Machine, paths: Mapping[str, str]) -> Callable[[str], str]:
    """From a state's id in the former chart to that in the machine's. It raises MisfitError."""
    by_path = {path: state for state, path in machine.chart.paths.items()}
    by_joined = {path.replace(".", "__"): state for path, state in by_path.items()}

    def find(state: str) -> str:
        path = paths.get(state)
        if path is not None:
            path = new_path(machine.renamed_states, path)
            found = by_path.get(path)
        else:
            found = state if state in machine.chart.paths else by_joined.get(state)
        if found is None:
            raise MisfitError(machine, f"has no state {path or state}")
        return found

    return find


def _check_whole(machine: Machine, active: Collection[str]) -> None:
    """That these states can be active together in the chart, and that none is missing."""
    chart = machine.chart
    states = chart_states(chart.chart_class)
    top = [state for state in states if state.parent is None]
    for parent, children in [(None, top), *((state, list(state.states)) for state in states if state.id in active)]:
        inside = sum(child.id in active for child in children)
        if parent is not None and parent.parallel:
            for child in children:
                if child.id not in active:
                    raise MisfitError(machine, f"has a region {chart.paths[child.id]}, which is not active")
        elif children and inside != 1:
            where = "at the top" if parent is None else f"inside {chart.paths[parent.id]}"
            raise MisfitError(machine, f"has states {where} of which one must be active, and {inside or 'none'} is")
    for state in states:
        if state.id in active and state.parent is not None and state.parent.id not in active:
            raise MisfitError(machine, f"has {chart.paths[state.id]} inside a state that is not active")
