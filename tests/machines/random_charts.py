"""Strategies for charts in JSON: compound and parallel states, guards, actions, ids that repeat."""

from typing import Any

from hypothesis import strategies as st

IDS = st.sampled_from(["a", "b", "c", "d", "e", "f"])
EVENTS = st.sampled_from(["x", "y", "z", "x y", "*", "done.state.a", "done.state.b", "done.state.c"])
ACTIONS = st.sampled_from(
    [
        {"raise": "y"},
        {"send": {"event": "z"}},
        {"assign": {"location": "n", "expr": "n + 1"}},
        {"if": {"cond": "data.k > 1", "then": {"raise": "x"}, "else": [{"raise": "z"}]}},
        {"foreach": {"array": "[1, 2]", "item": "i", "do": {"assign": {"location": "n", "expr": "n + i"}}}},
    ]
)
GUARDS = st.sampled_from(["In('a')", "In('b')", "not In('c')", "data.k > 1", "n < 2", "_event.name == 'x'"])
TRANSITIONS = st.lists(
    st.fixed_dictionaries(
        {"target": IDS},
        optional={"event": EVENTS, "cond": GUARDS, "unless": GUARDS, "on": ACTIONS},
    ),
    max_size=3,
)
PLAIN_TRANSITIONS = st.lists(st.fixed_dictionaries({"target": IDS, "event": EVENTS}), max_size=3)


def _states(transitions: st.SearchStrategy[Any], actions: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    leaf = st.fixed_dictionaries({}, optional={"transitions": transitions, "enter": actions, "exit": actions})
    return st.recursive(
        leaf | st.just({"final": True}),
        lambda inner: st.fixed_dictionaries(
            {"states": st.dictionaries(IDS, inner, min_size=1, max_size=3)},
            optional={"transitions": transitions, "parallel": st.just(True), "enter": actions},
        ),
        max_leaves=8,
    )


def charts_that_end(transitions: st.SearchStrategy[Any], actions: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Charts that can end: a way out of every top-level state is added."""

    def complete(states: dict[str, Any]) -> dict[str, Any]:
        for state in states.values():
            if not state.get("final"):
                state["transitions"] = [*state.get("transitions", []), {"event": "stop", "target": "end"}]
        return {"machine": "m", "chart": {"datamodel": {"n": 0, "i": 0}, "states": {**states, "end": {"final": True}}}}

    return st.dictionaries(IDS, _states(transitions, actions), min_size=1, max_size=4).map(complete)
