"""Regular expressions from outside: they match as Python's do, and none of them takes long."""

import re
import warnings

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.tempo.patterns import Budget, Pattern, PatternError

TEXTS = st.text(alphabet="abAB-\n.1 ", max_size=12)


def atoms() -> st.SearchStrategy[str]:
    return st.sampled_from(["a", "b", ".", r"\.", "[ab]", "[^a]", "[a-b-]", r"\d", r"\w", r"\S", r"[\d\s]", "-", r"\-"])


def patterns() -> st.SearchStrategy[str]:
    return st.recursive(
        atoms(),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map("".join),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
            st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,}", "{0,2}", "*?"])).map(
                lambda parts: f"(?:{parts[0]}){parts[1]}"
            ),
        ),
        max_leaves=6,
    )


@settings(deadline=None, max_examples=300)
@given(patterns(), st.lists(TEXTS, max_size=5), st.sampled_from(["", "(?i)"]))
@example("(a|b*)*", ["", "aab", "ab-"], "")
def test_a_pattern_matches_whole_texts_as_python_does(pattern: str, texts: list[str], prefix: str) -> None:
    ours, theirs = Pattern(prefix + pattern), re.compile(prefix + pattern, re.ASCII)
    for text in texts:
        assert ours.matches(text) == bool(theirs.fullmatch(text)), (prefix + pattern, text)


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("", [""], ["a"]),
        ("a|b|", ["a", "b", ""], ["ab"]),
        ("^wf-.*$", ["wf-1", "wf-"], ["awf-1"]),
        ("^a$|^b$", ["a", "b"], ["ab"]),
        ("(^a|b)c", ["ac", "bc"], ["c"]),
        (r"a\.b\|c", ["a.b|c"], ["axb"]),
        (r"[]a]+", ["]a]"], ["["]),
        ("(?i)straße", ["STRAßE", "straße"], ["strasse"]),
    ],
)
def test_what_people_write_works(pattern: str, fitting: list[str], others: list[str]) -> None:
    compiled = Pattern(pattern)
    assert all(map(compiled.matches, fitting))
    assert not any(map(compiled.matches, others))


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", ")", "a)", "[a", "[", "*a", "a**", "a{2", "a{3,1}", "a{101}", "{2}", "+", "\\", r"\b", r"(a)\1"),
        *("(?=a)", "(?P<n>a)", "(?s)a", "a^b", "x(a|^b)", "(a$|b)c", "[b-a]", "[[:alpha:]]"),
        *("(" * 60 + ")" * 60, "a" * 1_001),
    ],
)
def test_what_is_wrong_or_not_supported_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError, match=r"regular expression|regexp"):
        Pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["((a{100}){100}){100}", "(((){100}){100}){100}" * 3, "(" * 20 + "a" + "{2})" * 20, "(?:" * 40 + "){9}" * 40],
)
def test_expressions_that_grow_without_bound_are_refused(pattern: str) -> None:
    with pytest.raises(PatternError, match="too large"):
        Pattern(pattern)


def test_an_expression_that_keeps_other_matchers_busy_for_years_is_answered() -> None:
    text = "a" * 5_000
    assert not Pattern("(a*)*b").matches(text)
    assert not Pattern("(a|a)*b").matches(text)
    assert Pattern("(.*a){20}").matches(text)
    assert not Pattern(".*a.*a.*a.*a.*a.*a.*a.*a.*b").matches(text)


def test_what_takes_too_many_steps_is_given_up() -> None:
    budget = Budget(10_000)
    pattern = Pattern("(a|b)*a" + "(a|b)" * 60, budget)
    texts = [f"{number:020b}".replace("0", "a").replace("1", "b") * 20 for number in range(20)]
    assert sum(map(len, texts)) < 9_000
    with pytest.raises(PatternError, match="takes too long"):
        list(map(pattern.matches, texts))
    with pytest.raises(PatternError, match="takes too long"):
        Pattern("x.*", budget).matches("x" * 20_000)


@settings(deadline=None)
@given(st.text(max_size=30) | st.text(alphabet="ab|()[]{}*+?^$\\.-,12:i", max_size=30), TEXTS)
def test_any_text_is_a_pattern_or_refused(pattern: str, text: str) -> None:
    try:
        Pattern(pattern).matches(text)
    except PatternError:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        re.compile(pattern)
