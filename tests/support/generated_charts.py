"""Generated machines: nested, parallel, eventless, with several ways to end; and events to send them."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from machines.documents import read_document
from machines.machine import Machine

EVENTS = ("a", "b", "c", "d", "unknown")
START = "com.x.started"
JUDGED = (
    "data.n > 2",
    "data.n",
    "not data.n",
    "attributes.label == 'x'",
    "data.tags == attributes.tags",
    "data.n == 3",
)
Tree = dict[str, Any]


@st.composite
def machines(draw: st.DrawFn, *, guarded: bool = False, judged: bool = False) -> Machine:
    """A valid machine. A `guarded` one also has guards, variables, actions and history, a `judged` one guards on data
    and nothing else of these; others never look at data."""
    document = _Writer(draw, guarded, judged).document()
    return read_document(json.dumps(document), "json", "generated.json")


def stories(shortest: int = 0, longest: int = 12) -> st.SearchStrategy[list[tuple[str, dict[str, object]]]]:
    """Chart events with data, in order."""
    data = st.fixed_dictionaries(
        {}, optional={"n": st.integers(0, 5), "label": st.sampled_from(["x", "y"]), "tags": st.lists(st.integers(0, 2))}
    )
    return st.lists(st.tuples(st.sampled_from(EVENTS), data), min_size=shortest, max_size=longest)


class _Writer:
    def __init__(self, draw: st.DrawFn, guarded: bool, judged: bool) -> None:
        self._draw = draw
        self._guarded = guarded
        self._judged = judged
        self._sources: list[tuple[str, Tree]] = []
        self._targets: list[str] = []
        self._histories: list[str] = []
        self._count = 0

    def document(self) -> Tree:
        states = self._siblings(depth=0)
        states |= {"failed": {"final": True}}
        self._targets.append("failed")
        first = next(iter(states.values()))
        first["transitions"].append({"event": "d", "target": "failed"})  # so that every chart can end
        for _ in range(self._draw(st.integers(4, 9) if self._guarded or self._judged else st.integers(0, 5))):
            self._add_transition()
        chart: Tree = {"states": states}
        if self._guarded:
            chart["datamodel"] = {"count": "0", "kept": "'none'"}
        return {
            "machine": "generated",
            "starts_on": [START],
            "attributes": ["label", "tags"],
            "outcomes": {"failed": "error"},
            "chart": chart,
        }

    def _siblings(self, depth: int) -> dict[str, Tree]:
        """States in a row, each leading to the next, the last of them final."""
        kinds = ["atomic", "atomic", "compound", "parallel"] if depth < 2 else ["atomic"]
        chosen = self._choose_some(kinds, 1 if depth else 2, 2 if depth else 4)
        row = [(self._fresh(), kind) for kind in chosen]
        last = self._fresh()
        states: dict[str, Tree] = {}
        for index, (name, kind) in enumerate(row):
            following = row[index + 1][0] if index + 1 < len(row) else last
            states[name] = state = self._state(name, kind, depth)
            state["transitions"] = [self._onward(name, kind, following)]
            self._sources.append((name, state))
        states[last] = {"final": True}
        self._targets += [*(name for name, _ in row), last]
        return states

    def _state(self, name: str, kind: str, depth: int) -> Tree:
        if kind == "atomic":
            return {}
        if kind == "parallel":
            regions = [self._fresh(), self._fresh()]
            return {"parallel": True, "states": {region: {"states": self._siblings(depth + 1)} for region in regions}}
        state: Tree = {"states": self._siblings(depth + 1)}
        if self._guarded and self._draw(st.booleans()):
            history = f"{name}_before"
            state["history"] = {history: {"type": self._choose(["shallow", "deep"])}}
            self._histories.append(history)
        return state

    def _onward(self, name: str, kind: str, following: str) -> Tree:
        ways: list[Tree] = [{"event": self._choose(EVENTS[:-1])}, {"event": self._choose(EVENTS[:-1])}]
        if kind == "atomic":
            ways += [{}, {"cond": f"In('{self._choose(self._targets or [name])}')"}]
        else:
            ways += [{"event": f"done.state.{name}"}] * 2
        transition = {"target": following, **self._choose(ways)}
        if self._guarded and self._draw(st.booleans()):
            transition["on"] = self._action()
        self._judge(transition)
        return transition

    def _judge(self, transition: Tree) -> None:
        """Where guards alone look at data, any transition may have one, those that follow another one included."""
        if self._judged and "cond" not in transition:
            word = self._choose(["", "", "cond", "cond", "unless"])
            if word:
                transition[word] = self._choose(JUDGED)

    def _add_transition(self) -> None:
        _, source = self._choose(self._sources)
        transition: Tree = {"event": self._choose(EVENTS[:-1])}
        target = self._choose([*self._targets, *self._histories, *self._histories, None])
        if target is not None:
            transition["target"] = target
        if self._draw(st.booleans()):
            transition["cond"] = f"In('{self._choose(self._targets)}')"
        if self._guarded:
            transition["cond"] = self._choose(
                ["data.n > 2", "data.n < 4", "count < 2", "attributes.label == 'x'", "kept == data.tags", "count >= 0"]
            )
            transition["on"] = self._action()
        self._judge(transition)
        source["transitions"].insert(self._draw(st.integers(0, len(source["transitions"]))), transition)

    def _action(self) -> Tree:
        kept = self._choose(["data.tags", "data.n", "_event.name"])
        counting = {"assign": {"location": "count", "expr": "count + 1"}}
        keeping = {"assign": {"location": "kept", "expr": kept}}
        said = self._choose(EVENTS)
        action: Tree = self._choose([counting, keeping, {"raise": {"event": said}}, {"send": {"event": said}}])
        return action

    def _choose(self, options: Sequence[Any]) -> Any:
        return self._draw(st.sampled_from(options))

    def _choose_some(self, options: Sequence[str], least: int, most: int) -> list[str]:
        return self._draw(st.lists(st.sampled_from(options), min_size=least, max_size=most))

    def _fresh(self) -> str:
        self._count += 1
        return f"s{self._count}"
