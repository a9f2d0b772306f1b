"""Names that states and events may have."""

import pytest

from machines.documents import read_document
from machines.interpreter import Interpreter, RefusalError
from tests.support.examination import told_problems

CHART = """machine: m
chart:
  states:
    a: {transitions: [{event: go, target: b}]}
    b: {final: true}
"""


@pytest.mark.parametrize(
    "name", ["send", "model", "states", "name", "state", "transition", "enter_state", "exit_state"]
)
def test_names_that_the_library_uses_itself_are_refused(name: str) -> None:
    said = "python-statemachine uses the name itself"
    assert told_problems(CHART.replace("b: {", f"{name}: {{").replace("target: b", f"target: {name}")) == [
        f"m.yaml:5: a state cannot be called {name}: {said}"
    ]
    assert told_problems(CHART.replace("event: go", f"event: {name}")) == [
        f"m.yaml:4: an event cannot be called {name}: {said}"
    ]


@pytest.mark.parametrize("name", ["a.b", "x#y", "x\\ty"])
def test_state_ids_are_plain_words(name: str) -> None:
    problems = told_problems(CHART + f'    "{name}": {{final: true}}\n')
    assert len(problems) == 1
    assert "a state's id must not contain spaces, dots, # or control characters" in problems[0]


def test_an_empty_or_endless_state_id_is_refused() -> None:
    assert told_problems(CHART + "    '': {final: true}\n") == ["m.yaml:6: a state's id must not be empty"]
    assert told_problems(CHART + f"    {'x' * 129}: {{final: true}}\n") == [
        "m.yaml:6: a state's id may have 128 characters, this one has 129"
    ]


@pytest.mark.parametrize("name", ["source", "target", "event", "data", "machine", "attributes", "event_data", "start"])
def test_words_of_the_trade_are_no_reserved_names(name: str) -> None:
    text = CHART.replace("a: {transitions: [{event: go", f"{name}: {{transitions: [{{event: {name}, cond: data.x == 1")
    interpreter = Interpreter(read_document(text, "yaml", "m.yaml").chart)
    answer = interpreter.start({}, {})
    assert answer.situation.configuration == (name,)
    with pytest.raises(RefusalError):
        interpreter.send(answer.situation, name, {}, {})
    assert interpreter.send(answer.situation, name, {"x": 1}, {}).finals == ("b",)
