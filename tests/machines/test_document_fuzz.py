"""Whatever a document holds, it gives a machine or readable problems, in little time."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from machines.catalog import EXAMPLES
from machines.documents import SUFFIXES, Form, examine
from machines.interpreter import Interpreter, RefusalError
from machines.machine import Machine
from tests.machines.random_charts import ACTIONS, PLAIN_TRANSITIONS, TRANSITIONS, charts_that_end

EXAMPLE_TEXTS = [
    (path.read_text(), SUFFIXES[path.suffix]) for path in sorted(EXAMPLES.iterdir()) if path.suffix in SUFFIXES
]
SCXML_TEXT = """<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:longspan="urn:longspan:machine" name="m">
<longspan:machine>{version: 2, outcomes: {c: ok}}</longspan:machine><datamodel><data id="n" expr="0"/></datamodel>
<state id="a" initial="b"><onentry><assign location="n" expr="n + 1"/></onentry><state id="b">
<transition event="go" cond="data.x" target="c"/></state><history id="h"><transition target="b"/></history></state>
<final id="c"/></scxml>"""

NAMES = st.sampled_from(
    ["a", "b", "c", "a.b", "send", "model", "", "done.state.a", "*", "go", "x y", "__x", "on_go", "In('a')", "é", "1"]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    NAMES,
    st.just("data.x > 1"),
    st.just("5m"),
)
WORDS = """machine version starts_on attributes export trace events deadlines outcomes chart states transitions initial
final parallel enter exit invoke history donedata event target cond unless internal on before after datamodel assign
raise if foreach send a b c location expr then else elif do array item type"""
KEYS = st.sampled_from(WORDS.split())
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | NAMES, inner, max_size=5), max_leaves=25
)
FORMS = st.sampled_from(["yaml", "json", "scxml"])


def _check(text: str | bytes, form: Form) -> None:
    reading = examine(text, form, "m")
    assert (reading.machine is None) == bool(reading.problems)
    assert reading.machine is None or isinstance(reading.machine, Machine)
    lines = len(text.splitlines()) + 1
    for problem in reading.problems:
        assert problem.reason
        assert problem.line is None or 1 <= problem.line <= max(lines, 1) + 1


@settings(max_examples=150, deadline=2000)
@given(text=st.text(max_size=300) | st.binary(max_size=300), form=FORMS)
def test_any_text_gives_a_machine_or_problems(text: str | bytes, form: Form) -> None:
    _check(text, form)


@settings(max_examples=150, deadline=2000)
@given(value=VALUES | st.dictionaries(KEYS, VALUES, max_size=8))
def test_any_data_gives_a_machine_or_problems(value: Any) -> None:
    _check(json.dumps(value, indent=1), "json")
    _check(yaml.safe_dump(value, allow_unicode=True), "yaml")


@settings(max_examples=200, deadline=4000, suppress_health_check=[HealthCheck.too_slow])
@given(
    document=charts_that_end(TRANSITIONS, ACTIONS),
    events=st.lists(st.sampled_from("xyz"), max_size=6),
    k=st.integers(0, 3),
)
def test_a_chart_that_loads_comes_to_rest_after_every_event(document: Any, events: list[str], k: int) -> None:
    text = json.dumps(document, indent=1)
    _check(text, "json")
    machine = examine(text, "json", "m").machine
    if machine is not None:
        _play(Interpreter(machine.chart, remember=False), events, {"k": k})


@settings(max_examples=200, deadline=4000, suppress_health_check=[HealthCheck.too_slow])
@given(
    document=charts_that_end(PLAIN_TRANSITIONS, st.nothing()),
    histories=st.lists(st.lists(st.sampled_from("xyz"), max_size=6), min_size=2, max_size=3),
)
def test_what_does_not_depend_on_data_may_be_remembered(document: Any, histories: list[list[str]]) -> None:
    del document["chart"]["datamodel"]
    machine = examine(json.dumps(document), "json", "m").machine
    if machine is None:
        return
    assert not machine.chart.depends_on_data
    remembering = Interpreter(machine.chart)
    for events in histories * 2:
        assert _play(remembering, events, {}) == _play(Interpreter(machine.chart, remember=False), events, {"k": 1})


def _play(interpreter: Interpreter, events: list[str], data: dict[str, object]) -> list[object]:
    said: list[object] = []
    try:
        answer = interpreter.start(data, {})
    except RefusalError as refusal:
        return [str(refusal)]
    for event in events:
        said.append(answer)
        if answer.ended:
            break
        try:
            answer = interpreter.send(answer.situation, event, data, {})
        except RefusalError as refusal:
            said.append(str(refusal))
    return [*said, answer]


@settings(max_examples=200, deadline=4000)
@given(data=st.data())
def test_a_damaged_document_gives_a_machine_or_problems(data: st.DataObject) -> None:
    text, form = data.draw(st.sampled_from([*EXAMPLE_TEXTS, (SCXML_TEXT, "scxml")]))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 12)))
        text = text[:start] + data.draw(st.text(max_size=4) | NAMES) + text[end:]
    _check(text, form)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("a: &a [" + "x, " * 50_000 + "]\n", "yaml"),
        ("[" * 500_000, "yaml"),
        ("[" * 500_000, "json"),
        ("{" * 500_000, "yaml"),
        ("<a>" * 200_000, "scxml"),
        ("machine: m\nchart:\n  states:\n    " + "{a: {states: " * 5_000, "yaml"),
        ("- " * 300_000, "yaml"),
        ("x: '" + "y" * 900_000, "yaml"),
        ('{"machine": "' + "\\" * 900_000, "json"),
        ("machine: m\n" + "".join(f"key{n}: 1\n" for n in range(40_000)), "yaml"),
        ("? " * 200_000, "yaml"),
        ("!" * 900_000, "yaml"),
    ],
)
def test_documents_that_are_made_to_cost_time_are_refused_soon(text: str, form: Form) -> None:
    assert examine(text, form, "m").problems
