"""State ids within their scopes.

python-statemachine wants every id to be unique in the whole chart. People write `processing` in each of three stages.
So an id that occurs more than once is replaced by its path joined with `__`, and whatever names it is looked up from
where it is written: first beside the state, then further out, then inside the state, else by its dotted path.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from statemachine.io.evaluators import normalize_cond

from machines.places import Path

_DONE_STATE = "done.state."
_ASKS_FOR_STATE = re.compile(r"\bin\s*\(", re.IGNORECASE)

Complain = Callable[[Path, str], None]


def walk_states(chart: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every state of a chart in YAML or JSON, history states included, with its ids from the outermost."""
    pending: list[tuple[tuple[str, ...], dict[str, Any]]] = [
        ((key,), value) for key, value in reversed(chart["states"].items())
    ]
    while pending:
        ids, state = pending.pop()
        yield ids, state
        for kind in ("history", "states"):
            pending += [((*ids, key), value) for key, value in reversed(state.get(kind, {}).items())]


def place_of_state(chart: Mapping[str, Any], ids: tuple[str, ...]) -> Path:
    """Where a state stands in a document in YAML or JSON."""
    path: Path = ("chart",)
    holder: Mapping[str, Any] = chart
    for key in ids:
        kind = "states" if key in holder.get("states", {}) else "history"
        holder = holder[kind][key]
        path += (kind, key)
    return path


class Scopes:
    """The ids of one chart, and what a name means where it is written."""

    def __init__(self, chart: Mapping[str, Any], complain: Complain) -> None:
        self._chart = chart
        self._complain = complain
        self._paths = [ids for ids, _ in walk_states(chart)]
        count = Counter(ids[-1] for ids in self._paths)
        self.internal = {ids: ids[-1] if count[ids[-1]] == 1 else "__".join(ids) for ids in self._paths}
        self.clashes = len(set(self.internal.values())) < len(self.internal)
        taken: set[str] = set()
        for ids, name in self.internal.items():
            if name in taken:
                complain(place_of_state(chart, ids), f"the id {name} is taken by another state: rename one of them")
            taken.add(name)

    @property
    def local(self) -> dict[str, str]:
        """The id as it was written, by the id that the library gets."""
        return {name: ids[-1] for ids, name in self.internal.items()}

    def rewritten(self) -> dict[str, Any]:
        """The chart with unique ids."""
        return {**self._chart, "states": self._rewrite_states((), self._chart["states"])}

    def resolve(self, name: str, source: tuple[str, ...], place: Path) -> str:
        """The unique id for a name that is written in state `source`; the name itself where nothing fits."""
        wanted = tuple(name.split("."))
        if len(wanted) == 1:
            fitting = [ids for ids in self._paths if ids[-1] == name]
            if len(fitting) == 1:
                return self.internal[fitting[0]]
            for depth in range(len(source) - 1, -1, -1):
                if (*source[:depth], name) in self.internal:
                    return self.internal[(*source[:depth], name)]
            if (*source, name) in self.internal:
                return self.internal[(*source, name)]
            if fitting:
                choices = " or ".join(".".join(ids) for ids in fitting[:4])
                self._complain(place, f"{name} could be {choices}: write its path")
                return self.internal[fitting[0]]
        return self.internal.get(wanted, name)

    def _rewrite_states(self, parent: tuple[str, ...], states: Mapping[str, Any]) -> dict[str, Any]:
        return {self.internal[(*parent, key)]: self._rewrite((*parent, key), state) for key, state in states.items()}

    def _rewrite(self, ids: tuple[str, ...], state: Mapping[str, Any]) -> dict[str, Any]:
        result = dict(state)
        place = place_of_state(self._chart, ids)
        for kind in ("states", "history"):
            if kind in state:
                result[kind] = self._rewrite_states(ids, state[kind])
        if "transitions" in state:
            result["transitions"] = [
                self._rewrite_transition(ids, transition, (*place, "transitions", index))
                for index, transition in enumerate(state["transitions"])
            ]
        return {
            key: value if key in ("states", "history", "transitions") else self._rewrite_guards(ids, value, place)
            for key, value in result.items()
        }

    def _rewrite_transition(self, ids: tuple[str, ...], transition: Mapping[str, Any], place: Path) -> dict[str, Any]:
        result = {key: self._rewrite_guards(ids, value, place) for key, value in transition.items()}
        if "target" in result:
            result["target"] = " ".join(self.resolve(name, ids, place) for name in result["target"].split())
        for key in ("cond", "unless"):
            guard = result.get(key)
            if isinstance(guard, str):
                result[key] = self.rewrite_guard(guard, ids, place)
            elif isinstance(guard, list):
                result[key] = [self.rewrite_guard(item, ids, place) for item in guard]
        if "event" in result:
            result["event"] = " ".join(
                _DONE_STATE + self.resolve(name.removeprefix(_DONE_STATE), ids, place)
                if name.startswith(_DONE_STATE) and not name.endswith("*")
                else name
                for name in result["event"].split()
            )
        return result

    def _rewrite_guards(self, ids: tuple[str, ...], value: Any, place: Path) -> Any:
        """Guards inside actions: `if` and `elif` have a `cond`."""
        if isinstance(value, dict):
            return {
                key: self.rewrite_guard(item, ids, place)
                if key == "cond" and isinstance(item, str)
                else self._rewrite_guards(ids, item, place)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._rewrite_guards(ids, item, place) for item in value]
        return value

    def rewrite_guard(self, guard: str, source: tuple[str, ...], place: Path) -> str:
        """A guard whose `In('...')` names unique ids. A guard that cannot be parsed is left for the check of guards."""
        if not _ASKS_FOR_STATE.search(guard):
            return guard
        try:
            tree = ast.parse(normalize_cond(guard).strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return guard
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.lower() == "in":
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        argument.value = self.resolve(argument.value, source, place)
        return ast.unparse(tree)
