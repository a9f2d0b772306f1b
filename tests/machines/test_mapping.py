"""Mappings: documents of other systems become events, in order, with ids that follow from what they say."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machines.entries import parse_entry
from machines.mapping import FAULTS_LIMIT, Mapping, parse
from machines.mapping_rule import ITEMS_LIMIT
from machines.places import Document

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["2026-11-22T16:00:00Z"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["stages", "start", "name"]), inner),
)
STAGES: list[dict[str, Any]] = [
    {"type": "com.example.submitted", "time": "submitted"},
    {
        "each": "stages",
        "when": "start",
        "type": "com.example.{name}.started",
        "time": "start",
        "data": {"stage": "name", "rows": "rows", "source": "document().system", "attempt": 1},
    },
    {"each": "stages", "when": "end", "type": "com.example.{name}.ended", "time": "end", "error": "failure"},
    {"when": "done", "type": "com.example.done", "time": "done"},
]


def _mapping(*rules: dict[str, Any]) -> Mapping:
    mapping, problems = parse(list(rules), Document("source.yaml"), ("events",))
    assert not problems
    return mapping


def _run(*stages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"submitted": "2026-11-22T16:00:00Z", "system": "risk", "stages": list(stages), **more}


def _told(mapping: Mapping, document: object, **context: object) -> list[tuple[str, str]]:
    drafts, faults = mapping.events(document, {"id": "wf-1", **context})
    assert not faults
    return [(draft.type, draft.attributes.get("time", "")) for draft in drafts]


def test_a_document_becomes_events_in_the_order_of_their_times() -> None:
    document = _run(
        {"name": "write", "start": "2026-11-22T16:00:09Z"},
        {"name": "load", "start": "2026-11-22T17:00:01+01:00", "end": "2026-11-22T16:00:05.25Z", "rows": 5},
    )
    mapping = _mapping(*STAGES)
    assert _told(mapping, document) == [
        ("com.example.submitted", "2026-11-22T16:00:00Z"),
        ("com.example.load.started", "2026-11-22T16:00:01Z"),
        ("com.example.load.ended", "2026-11-22T16:00:05.25Z"),
        ("com.example.write.started", "2026-11-22T16:00:09Z"),
    ]
    (_, started, *_), _ = mapping.events(document, {"id": "wf-1", "machine": "risk", "source": "/risk"})
    event = parse_entry(started.fields(), "5-0")
    assert (event.subject, event.machine, event.source, event.id) == ("wf-1", "risk", "/risk", started.id)
    assert event == started.event("5-0")
    assert json.loads(event.data or "") == {"stage": "load", "rows": 5, "source": "risk", "attempt": 1}


def test_of_equal_times_what_belongs_to_one_item_stays_together() -> None:
    at = "2026-11-22T16:00:00Z"
    document = _run({"name": "a", "start": at, "end": at}, {"name": "b", "start": at, "end": at}, done=at)
    told = [kind for kind, _ in _told(_mapping(*STAGES), document)]
    assert told == [
        f"com.example.{name}" for name in ("submitted", "a.started", "a.ended", "b.started", "b.ended", "done")
    ]


def test_the_same_fact_has_the_same_id_however_often_and_beside_whatever_it_is_told() -> None:
    mapping = _mapping(*STAGES)
    stage = {"name": "load", "start": "2026-11-22T16:00:01Z"}
    first, _ = mapping.events(_run(stage), {"id": "wf-1"})
    later, _ = mapping.events(_run(stage | {"end": "2026-11-22T16:00:05Z"}), {"id": "wf-1"})
    assert [draft.id for draft in first] == [draft.id for draft in later[:2]]
    assert len({draft.id for draft in later}) == 3
    other, _ = mapping.events(_run(stage), {"id": "wf-2"})
    assert not {draft.id for draft in other} & {draft.id for draft in first}


def test_an_id_that_a_rule_writes_hides_what_else_changes() -> None:
    mapping = _mapping({"type": "t", "id": "progress-{step}", "data": {"percent": "percent"}})
    (one,), _ = mapping.events({"step": 3, "percent": 10}, {"id": "wf-1"})
    (two,), _ = mapping.events({"step": 3.0, "percent": 20}, {"id": "wf-1"})
    assert (one.id, two.id, one.time_ns) == ("progress-3", "progress-3", None)


@pytest.mark.parametrize(
    ("document", "failure"),
    [({"why": "no prices"}, "no prices"), ({"why": {"code": 7}}, '{"code":7}'), ({"why": ""}, None), ({}, None)],
)
def test_what_went_wrong_becomes_the_error_of_the_data(document: dict[str, Any], failure: str | None) -> None:
    (draft,), _ = _mapping({"type": "t", "error": "why"}).events(document, {"id": "wf-1"})
    assert json.loads(draft.attributes.get("data", "{}")).get("error") == failure


@pytest.mark.parametrize(
    ("rule", "document", "fault"),
    [
        ({"time": "at"}, {}, "time: 'at' gave nothing: a date and time as text is needed"),
        ({"time": "at"}, {"at": "noon"}, "time: 'at' gave the text 'noon': not an RFC 3339"),
        ({"time": "at", "time_format": "epoch_seconds"}, {"at": [1]}, "time: 'at' gave a list: epoch seconds"),
        ({"type": "a.{kind}"}, {"kind": None}, "type: the expression 'kind' gave nothing, where a text or number"),
        ({"subject": "{who}"}, {"who": {}}, "subject: the expression 'who' gave an object, where a text"),
        ({"subject": "{who}"}, {"who": "\n"}, "subject: has characters that cannot be printed"),
        ({"subject": "{who}"}, {"who": "\ud800"}, "subject: has half a character in it"),
        ({"id": "{who}"}, {"who": "\ud800"}, "id: has half a character in it"),
        ({"data": "rows"}, {"rows": 5}, "data: 'rows' gave the number 5, where an object is needed"),
        ({"data": {"n": "@"}}, {"n": 10**5000}, "data: cannot be written as JSON"),
        ({"each": "rows"}, {"rows": {"a": 1}}, "each: 'rows' gave an object, where a list is needed"),
        ({"each": "rows"}, {"rows": [0] * (ITEMS_LIMIT + 1)}, f"each: 'rows' gave {ITEMS_LIMIT + 1} items: at most"),
        ({"when": "n < 'x'"}, {"n": 5}, "when: the expression \"n < 'x'\" failed: '<' not supported"),
        ({"data": "document()"}, {"x": "y" * 300_000}, "data: is longer than"),
    ],
)
def test_a_rule_that_cannot_be_applied_is_named_and_the_others_go_on(
    rule: dict[str, Any], document: Any, fault: str
) -> None:
    drafts, faults = _mapping({"type": "com.example.x"} | rule, {"type": "com.example.other"}).events(
        document, {"id": "wf-1"}
    )
    assert [draft.type for draft in drafts] == ["com.example.other"]
    assert [str(one).startswith(f"events[0] ({rule.get('type', 'com.example.x')}): {fault}") for one in faults] == [
        True
    ]


def test_items_that_cannot_be_read_are_told_once_and_the_others_go_on() -> None:
    items = [{"at": "noon"}] * 500 + [{"at": "2026-11-22T16:00:00Z"}] + [{"at": f"{n}"} for n in range(500)]
    drafts, faults = _mapping({"each": "@", "type": "t", "time": "at"}).events(items, {"id": "wf-1"})
    assert len(drafts) == 1
    assert len(faults) == FAULTS_LIMIT


def test_a_document_that_costs_too_much_ends_with_what_it_gave_so_far() -> None:
    rules = [{"each": "@", "type": f"t{number}", "when": "!@"} for number in range(20)]
    drafts, faults = _mapping({"type": "first"}, *rules).events([1] * ITEMS_LIMIT, {"id": "wf-1"})
    assert [draft.type for draft in drafts] == ["first"]
    assert "steps" in faults[-1].reason


def test_an_optional_attribute_that_comes_out_empty_is_left_out() -> None:
    rule = {"type": "t", "parent": "{up || ''}", "machine": "{kind || ''}"}
    (draft,), _ = _mapping(rule).events({"up": "p-1"}, {"id": "wf-1", "machine": "job"})
    assert (draft.attributes["parent"], draft.attributes["machine"]) == ("p-1", "job")
    (alone,), _ = _mapping(rule).events({}, {"id": "wf-1"})
    assert alone.attributes.keys() == {"type", "subject", "id"}


@given(JSON)
def test_any_document_gives_the_same_events_each_time_and_never_raises(document: object) -> None:
    broad = {"each": "*.*[]", "type": "t.{@}", "time": "@", "time_format": "epoch_milliseconds", "data": {"x": "@"}}
    mapping = _mapping(*STAGES, broad, {"type": "t", "data": "@", "error": "stages"})
    first, again = mapping.events(document, {"id": "wf-1"}), mapping.events(document, {"id": "wf-1"})
    assert first == again
    for draft in first[0]:
        assert parse_entry(draft.fields(), "5-0").type == draft.type
