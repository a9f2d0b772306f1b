"""Which states can be active: what is called unreachable never is, whatever events come."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from statemachine.io.native import native_dict_to_definition

from machines.charts import Chart, describe_chart
from machines.compilation import compile_chart
from machines.interpreter import Interpreter, RefusalError
from machines.reachability import Reachability
from machines.scopes import Scopes
from tests.machines.random_charts import PLAIN_TRANSITIONS, charts_that_end

EVENTS = ("x", "y", "z", "stop")


def _compile(chart: dict[str, Any]) -> Chart | None:
    complaints: list[str] = []
    scopes = Scopes(chart, lambda _path, reason: complaints.append(reason))
    try:
        chart_class = compile_chart("m", native_dict_to_definition(scopes.rewritten()))
    except Exception:  # a chart that the library refuses: a target that is not there, a final state that goes on
        return None
    return describe_chart(chart_class, reusable=True, local_ids=scopes.local)


def _explore(chart: Chart) -> tuple[set[str], bool]:
    """The states that any sequence of events enters, and whether one of them ends the workflow."""
    interpreter = Interpreter(chart, remember=False)
    try:
        first = interpreter.start({}, {})
    except RefusalError:  # a circle through an event that matches everything, found by the start on trial
        return set(), False
    seen: set[tuple[str, ...]] = set()
    pending, entered, ended = [first], {step[1:] for step in first.steps}, first.ended
    while pending and len(seen) < 40:
        answer = pending.pop()
        if answer.ended or answer.situation.configuration in seen:
            continue
        seen.add(answer.situation.configuration)
        for event in EVENTS:
            try:
                following = interpreter.send(answer.situation, event, {}, {})
            except RefusalError:
                continue
            entered |= {step[1:] for step in following.steps if step[0] in "+*"}
            ended = ended or following.ended
            pending.append(following)
    return entered, ended


@settings(max_examples=60, deadline=8000, suppress_health_check=[HealthCheck.too_slow])
@given(document=charts_that_end(PLAIN_TRANSITIONS, st.nothing()))
def test_no_sequence_of_events_enters_a_state_that_is_called_unreachable(document: Any) -> None:
    del document["chart"]["datamodel"]
    chart = _compile(document["chart"])
    if chart is None:
        return
    reachability = Reachability(chart.chart_class)
    if reachability.endless():
        return
    unreachable = {chart.paths[state.id] for state in reachability.unreachable()}
    entered, ended = _explore(chart)
    assert not {path for path in entered if any(path == u or path.startswith(u + ".") for u in unreachable)}
    assert not ended or reachability.can_end()


def _reach(chart: dict[str, Any]) -> Reachability:
    compiled = _compile({"states": chart})
    assert compiled is not None
    return Reachability(compiled.chart_class)


GO = {"event": "x", "target": "b"}


@pytest.mark.parametrize(
    ("states", "unreachable"),
    [
        ({"a": {"transitions": [GO]}, "b": {"final": True}}, []),
        ({"a": {}, "b": {"final": True}}, ["b"]),
        # only the outermost of what is unreachable is named
        ({"a": {}, "b": {"states": {"c": {}}}}, ["b"]),
        # a region is entered with its parallel state, a child that is not initial is not
        ({"a": {"parallel": True, "states": {"r": {}, "s": {"states": {"t": {}, "u": {}}}}}}, ["u"]),
        # done.state counts as taken only when the state can finish
        ({"a": {"transitions": [{"event": "done.state.a", "target": "b"}], "states": {"c": {}}}, "b": {}}, ["b"]),
        (
            {
                "a": {"transitions": [{"event": "done.state.a", "target": "b"}], "states": {"c": {"final": True}}},
                "b": {},
            },
            [],
        ),
        # of a parallel state when all of its regions can
        (
            {
                "a": {
                    "parallel": True,
                    "transitions": [{"event": "done.state.a", "target": "b"}],
                    "states": {"r": {"states": {"f": {"final": True}}}, "s": {"states": {"t": {}}}},
                },
                "b": {},
            },
            ["b"],
        ),
        # history leads to its default
        (
            {
                "a": {"transitions": [{"event": "x", "target": "h"}]},
                "b": {"states": {"c": {}, "d": {}}, "history": {"h": {"transitions": [{"target": "d"}]}}},
            },
            ["c"],
        ),
    ],
)
def test_what_can_never_be_active_is_found(states: dict[str, Any], unreachable: list[str]) -> None:
    assert [state.id for state in _reach(states).unreachable()] == unreachable


def test_a_parallel_state_at_the_top_whose_regions_finish_counts_as_an_end() -> None:
    region = {"states": {"f": {"final": True}}}
    other = {"states": {"g": {"final": True}}}
    assert _reach({"p": {"parallel": True, "states": {"r": region, "s": other}}}).can_end()
    assert not _reach({"p": {"parallel": True, "states": {"r": region, "s": {"states": {"t": {}}}}}}).can_end()
    assert not _reach({"p": {"states": {"r": region}}}).can_end()


def test_a_circle_is_found_once_and_a_guard_or_an_event_breaks_it() -> None:
    def circle(**extra: str) -> dict[str, Any]:
        return {"a": {"transitions": [{"target": "b"}]}, "b": {"transitions": [{"target": "a", **extra}]}}

    assert [[state.id for state in found] for found in _reach(circle()).endless()] == [["a", "b"]]
    assert _reach(circle(event="x")).endless() == []
    assert _reach(circle(cond="data.x")).endless() == []


def test_a_state_that_starts_again_whenever_it_has_finished_is_a_circle() -> None:
    again = {"a": {"transitions": [{"event": "done.state.a", "target": "a"}], "states": {"c": {"final": True}}}}
    assert [[state.id for state in found] for found in _reach(again).endless()] == [["a"]]
