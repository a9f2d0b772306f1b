"""Expressions: wrong ones are found when they are loaded, and none can take more than its share of time or memory."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machines.expression import LENGTH_LIMIT, Expression, ExpressionError
from machines.interpretation import STEP_LIMIT, Scope
from machines.wording import Wording

DOCUMENT = {"run": {"id": 7, "steps": [{"name": "a", "ok": True}, {"name": "b", "ok": False}]}, "d-e": 3}


def _find(text: str, value: object = DOCUMENT) -> object:
    return Expression(text).find(value, Scope(DOCUMENT, {"id": "wf-1", "headers": {"x-kind": "push"}}))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("run.id", 7),
        ("run.steps[0].name", "a"),
        ("run.steps[-1].name", "b"),
        ("run.steps[2].name", None),
        ("run.id.more", None),
        ("run.steps.name", None),
        ("@", DOCUMENT),
        ('"d-e"', 3),
        ("run.steps[?ok].name | [0]", "a"),
        ("missing || 'x'", "x"),
        ("context().id", "wf-1"),
        ('context().headers."x-kind"', "push"),
        ("document().run.id", 7),
        ("entries(run)[0].key", "id"),
        ("to_number('5') == `5`", True),
    ],
)
def test_an_expression_finds_what_jmespath_says(text: str, found: object) -> None:
    assert _find(text) == found


def test_the_document_is_there_inside_an_item_too() -> None:
    assert _find("document().run.id", {"other": 1}) == 7
    assert _find("[name, document().run.id]", {"name": "a"}) == ["a", 7]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JMESPath"),
        ("a.", "is not JMESPath: it ends too early"),
        ("a b", "is not JMESPath: 'b' is not expected at character 3"),
        ("a.b-c", "is not JMESPath: Unknown token '-' at character 4"),
        ("nunber(a)", "calls nunber(), which is no function"),
        ("to_nunber(a)", "did you mean 'to_number'"),
        ("join('a')", "gives join() 1 arguments, which takes 2"),
        ("merge()", "gives merge() 0 arguments, which takes at least 1"),
        ("a[::0]", "has a slice with steps of 0"),
        ("a" * (LENGTH_LIMIT + 1), "is longer than"),
        ("!" * 200 + "a", "is nested deeper than"),
        ("(" * 900, "is nested deeper than"),
    ],
)
def test_a_wrong_expression_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Expression(text)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["[@,@][]|" * 40 + "@", "[@,@]|" * 50 + "to_string(@)", "{a:@,b:@}|" * 50 + "@", "join('',[@,@])|" * 50 + "@"],
)
def test_what_would_double_for_ever_is_stopped(text: str) -> None:
    with pytest.raises(ExpressionError, match=f"more than the {STEP_LIMIT} steps"):
        _find(text, "x")


@pytest.mark.parametrize("text", ["id < 'x'", "ceil(`1e999`)", "join('-', id)", "sum(steps)", "sort_by(steps, &ok)"])
def test_an_expression_that_fails_says_so(text: str) -> None:
    with pytest.raises(ExpressionError, match="failed: "):
        _find(text, DOCUMENT["run"])


@pytest.mark.filterwarnings("ignore:deprecated string literal:PendingDeprecationWarning")
@given(st.text(alphabet="ab.[]{}()|&@!?*:`'\"\\,0-9<=> $", max_size=40), st.booleans())
def test_whatever_is_written_is_an_expression_or_an_error(text: str, wording: bool) -> None:
    scope = Scope(DOCUMENT, {})
    with suppress(ExpressionError):
        if wording:
            Wording(text).write(DOCUMENT, scope)
        else:
            Expression(text).find(DOCUMENT, scope)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", "plain"),
        ("run-{run.id}.{run.attempt || `1`}", "run-7.1"),
        ("{run.steps[0].ok}", "true"),
        ("{'{'}{'}'}", "{}"),
        ("{ {a: run.id}.a }", "7"),
        ('{"d-e"}', "3"),
    ],
)
def test_a_text_takes_in_what_its_expressions_find(text: str, written: str) -> None:
    assert Wording(text).write(DOCUMENT, Scope(DOCUMENT, {})) == written


@pytest.mark.parametrize(("text", "reason"), [("a}", "closes nothing"), ("{a", "not closed"), ("{}", "empty")])
def test_a_wrong_text_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(ExpressionError, match=reason):
        Wording(text)
