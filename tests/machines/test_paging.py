"""Paging of a list: what a document may say of it, and where it leads."""

import re
from typing import Any

import pytest

from machines.documents import examine
from machines.mapping import parse
from machines.mapping_rule import FaultError
from machines.paging import PAGES, Paging, count_items, read_paging
from machines.places import Document
from machines.source import Collection

HEAD = "machine: run\nsource:\n  url: https://runs.example/{id}\n  events: [{type: com.example.off}]\n"
LIST = "  list:\n    url: https://runs.example/\n    events: [{each: '@', type: a, subject: '{id}', time: at}]\n"
CHART = "chart: {states: {on: {transitions: [{event: off, target: done}]}, done: {final: true}}}\n"


def _collection(text: str) -> Collection:
    machine = examine(HEAD + LIST + text + CHART, "yaml", "run.yaml").machine
    assert machine is not None
    assert machine.source is not None
    assert machine.source.collection is not None
    return machine.source.collection


def _paging(following: object) -> Paging:
    paging = read_paging({"next": following})
    assert paging is not None
    return paging


def test_a_list_has_one_page_unless_it_says_where_the_next_is() -> None:
    assert _collection("").paging is None
    paging = _collection("    next: links.next\n").paging
    assert paging is not None
    assert (paging.most, paging.parameters) == (PAGES, {})
    paging = _collection("    next: {offset: seen, of: total}\n    pages: 100\n").paging
    assert paging is not None
    assert (paging.most, paging.reference, list(paging.parameters)) == (100, None, ["offset", "of"])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("    pages: 3\n", "8: pages needs `next`: where the next page is"),
        ("    next: a\n    pages: 0\n", "9: source.list.pages must be at least 1"),
        ("    next: a\n    pages: 101\n", "9: source.list.pages must be at most 100"),
        ("    next: '=='\n", "8: the expression '==' is not JMESPath"),
        ("    next: {page: 'nope()'}\n", "8: the expression 'nope()' calls nope(), which is no function"),
        ("    next: {page: 2}\n", "8: source.list.next.page must be text, not 2"),
        ("    next: {}\n", "8: source.list.next must not be empty"),
        ("    next: [a]\n", "8: source.list.next must be text or a mapping, not a list"),
        ("    nxt: a\n", "8: unknown key 'nxt' in source.list; did you mean 'next'?"),
    ],
)
def test_what_is_wrong_with_it_is_told_with_its_line(text: str, problem: str) -> None:
    told = [f"{one.line}: {one.reason}" for one in examine(HEAD + LIST + text + CHART, "yaml", "run.yaml").problems]
    assert [line for line in told if line.startswith(problem)], told


@pytest.mark.parametrize(
    ("following", "document", "found"),
    [
        ("next", {"next": "/b"}, "/b"),
        ("next", {"next": ""}, None),
        ("next", {"next": False}, None),
        ("next", {}, None),
        ("context().links.next", {}, "/c"),
        ({"a": "x", "b": "y"}, {"x": "1", "y": 0}, {"a": "1", "b": "0"}),
        ({"a": "x", "b": "y"}, {"x": "1", "y": None}, None),
    ],
)
def test_it_ends_where_an_expression_finds_nothing(following: object, document: object, found: object) -> None:
    assert _paging(following).find(document, {"links": {"next": "/c"}}) == found


@pytest.mark.parametrize(
    ("following", "document", "key", "words"),
    [
        ("next", {"next": {"href": "/b"}}, "next", "'next' gave an object, not a URL"),
        ("next", {"next": True}, "next", "gave true, not a URL"),
        ({"page": "more"}, {"more": True}, "next.page", "gave true, where a text or whole number is needed"),
        ({"page": "more"}, {"more": 10**100}, "next.page", "a number with too many digits"),
        ({"page": "more"}, {"more": 1.5}, "next.page", "the number 1.5"),
        ("sum(next)", {"next": "x"}, "next", "failed"),
    ],
)
def test_what_cannot_lead_anywhere_is_told(following: object, document: Any, key: str, words: str) -> None:
    with pytest.raises(FaultError, match=re.escape(words)) as caught:
        _paging(following).find(document, {})
    assert caught.value.key == key


def test_the_items_of_a_page_are_those_that_rules_are_applied_to_whether_or_not_they_hold() -> None:
    rules = [
        {"each": "runs", "when": "never", "type": "a", "subject": "b"},
        {"each": "runs", "type": "a", "subject": "b"},
        {"each": "jobs", "type": "a", "subject": "b"},
        {"type": "a", "subject": "b"},
    ]
    mapping, problems = parse(rules, Document("run.yaml", {}, {}), ())
    assert not problems
    assert count_items(mapping, {"runs": [1, 2, 3], "jobs": [1]}, {}) == 3
    assert count_items(mapping, {"runs": "none"}, {}) == 0
