"""Guards and actions that could give different results for the same events are refused."""

import pytest

from tests.support.examination import told_problems

CHART = """machine: m
chart:
  states:
    a: {transitions: [{event: go, target: b}]}
    b: {final: true}
"""
DATAMODEL = CHART.replace("  states", "  datamodel: {VARIABLES}\n  states", 1)


def _with_guard(guard: str) -> str:
    return CHART.replace("target: b}", f'target: b, cond: "{guard}"}}')


def _with_entry(action: str) -> str:
    return CHART.replace("a: {", f"a: {{enter: {action}, ")


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        ("{script: x = 1}", "script runs code: use assign, if and foreach"),
        ("{log: x}", "log writes to the terminal of a worker: spans and `longspan status` show what happened"),
        ("{cancel: {sendid: x}}", "cancel is for delayed sends, which are not allowed: use deadlines"),
        ("{send: {event: go, delay: 5s}}", "send with a delay lives in one worker's memory: use deadlines"),
        ("{send: {event: go, delayexpr: '5'}}", "send with a delay lives in one worker's memory: use deadlines"),
        ("{send: {event: go, idlocation: x}}", "send cannot have an id: nothing can be cancelled"),
        ("{send: {event: go, target: '#_parent'}}", "send reaches this chart only: leave target and type out"),
        ("{send: {}}", "send names no event"),
        ("{send: {event: model}}", "an event cannot be called model: python-statemachine uses the name itself"),
        ("{raise: send}", "an event cannot be called send: python-statemachine uses the name itself"),
        ("tidy", "enter names the callback 'tidy', which only the Python form can have: write an action"),
        ("{assign: {location: x, expr: '1'}}", "assign: 'x' is not in the datamodel"),
        ("{asign: {location: x}}", "unknown key 'asign' in chart.states.a.enter; did you mean 'assign'?"),
        ("5", "chart.states.a.enter must be text or a mapping or a list, not 5"),
        (
            "{if: {cond: y, then: {raise: go}}}",
            "'y': y is not known; there are data, attributes, _event and the datamodel",
        ),
        (
            "{foreach: {array: data.items, item: state}}",
            "a variable cannot be called state: guards find something else under this name",
        ),
        ("{foreach: {array: y, item: z}}", "'y': y is not known; there are data, attributes, _event and the datamodel"),
    ],
)
def test_an_action_that_is_not_pure_is_told(action: str, reason: str) -> None:
    assert told_problems(_with_entry(action)) == [f"m.yaml:4: {reason}"]


def test_invoke_is_refused() -> None:
    assert told_problems(CHART.replace("a: {", "a: {invoke: {src: x}, ")) == [
        "m.yaml:4: invoke starts another process: let its events come in, or make it a workflow with `parent`"
    ]


@pytest.mark.parametrize(
    ("guard", "reason"),
    [
        ("y", "'y': y is not known; there are data, attributes, _event and the datamodel"),
        (
            "dat.x",
            "'dat.x': dat is not known; there are data, attributes, _event and the datamodel; did you mean 'data'?",
        ),
        ("attributes.y", "'attributes.y': attributes.y is not among the machine's attributes"),
        ("_sessionid == 1", "'_sessionid == 1': _sessionid differs from worker to worker"),
        ("_ioprocessors", "'_ioprocessors': _ioprocessors differs from worker to worker"),
        ("_event.dat", "'_event.dat': _event has no dat; did you mean 'data'?"),
        ("f(1)", "'f(1)' is not an expression that charts may have (Unsupported function: f)"),
        (
            "data.__x__",
            "'data.__x__' is not an expression that charts may have (Attribute access to '__x__' is not allowed)",
        ),
        ("1 +", "'1 +' is not an expression that charts may have (invalid syntax (<unknown>, line 1))"),
        ("", "'' is not an expression that charts may have (Empty expression)"),
        ("In('nowhere')", "\"In('nowhere')\": In('nowhere') names no state"),
        ("x" * 1001, "an expression may have 1000 characters, this one has 1001"),
    ],
)
def test_a_guard_that_names_what_is_not_there_is_told(guard: str, reason: str) -> None:
    assert told_problems(_with_guard(guard)) == [f"m.yaml:4: {reason}"]


@pytest.mark.parametrize(
    "guard", ["data.x > 3", "data.x.y", "_event.data.x == 1", "In('a') and not data.z", "_event.name == 'go'"]
)
def test_guards_read_data_events_and_states(guard: str) -> None:
    assert told_problems(_with_guard(guard)) == []


def test_guards_read_the_attributes_that_are_declared() -> None:
    assert told_problems(_with_guard("attributes.region == 'EMEA'") + "attributes: [region]\n") == []


@pytest.mark.parametrize(
    ("variables", "reasons"),
    [
        ("ok: 0", []),
        ("ok: [1, 2]", []),
        ("data: 1", ["a variable cannot be called data: guards find something else under this name"]),
        ("attributes: 1", ["a variable cannot be called attributes: guards find something else under this name"]),
        ("state: 1", ["a variable cannot be called state: guards find something else under this name"]),
        ("_x: 1", ["a variable's id must be a plain name (letters, digits, _; no digit or _ in front): '_x'"]),
        ("f: open(1)", ["'open(1)' is not an expression that charts may have (Unsupported function: open)"]),
    ],
)
def test_variables_have_names_and_values_of_their_own(variables: str, reasons: list[str]) -> None:
    assert told_problems(DATAMODEL.replace("VARIABLES", variables)) == [f"m.yaml:3: {reason}" for reason in reasons]


def test_a_variable_cannot_come_from_a_file() -> None:
    text = CHART.replace("  states", "  datamodel: [{id: x, src: 'file:/etc/passwd'}]\n  states", 1)
    assert told_problems(text) == ["m.yaml:3: variable x: src reads a file: write the value"]
