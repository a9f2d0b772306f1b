"""Clamps and statuses in hand-written journals."""

import pytest

from machines.journal import Outcome
from tests.spans.journals import record
from tests.spans.outline import events, find, outline, spans_of


def test_a_child_never_begins_before_its_parent_and_the_clamp_is_told() -> None:
    records = [
        record("placed", "+a", at=0),
        record("early", "-a", "+b", "+b.x", at=-1.5),
        record("ended", "-b.x", "-b", "*completed", at=3, outcome="ok"),
    ]
    spans = spans_of(records)
    assert outline(spans) == [
        ("a#1", "order", 0, 0, "ok"),
        ("b.x#1", "b#1", 0, 3, "ok"),
        ("b#1", "order", 0, 3, "ok"),
        ("order", "", 0, 3, "ok"),
    ]
    assert [span.attributes.get("workflow.clock_skew_ms") for span in spans] == [1500, 1500, 1500, None]
    assert events(find(spans, "a")) == [("com.example.early", -1.5)]


def test_a_parent_never_ends_before_its_children_and_the_clamp_is_rounded_up() -> None:
    records = [
        record("placed", "+b", "+b.x", at=0),
        record("moved", "-b.x", "+b.y", at=4),
        record("ended", "-b.y", "-b", "*completed", at=3.999_999_999, outcome="ok"),
    ]
    spans = spans_of(records)
    assert outline(spans) == [
        ("b.x#1", "b#1", 0, 4, "ok"),
        ("b.y#1", "b#1", 4, 4, "ok"),
        ("b#1", "order", 0, 4, "ok"),
        ("order", "", 0, 4, "ok"),
    ]
    assert [span.attributes.get("workflow.clock_skew_ms") for span in spans] == [None, 1, 1, 1]


@pytest.mark.parametrize(
    ("outcome", "data", "status", "left"),
    [
        ("ok", None, "ok", "ok"),
        ("ok", {"error": "half"}, "ok", "error: half"),
        ("error", {"error": "disk full"}, "error: disk full", "error: disk full"),
        ("error", None, "error: com.example.ended led to failed", "error: com.example.ended led to failed"),
        ("error", {"error": ""}, "error: com.example.ended led to failed", "error: com.example.ended led to failed"),
        ("error", {"error": 5}, "error: com.example.ended led to failed", "error: com.example.ended led to failed"),
        ("timeout", {"error": "a overran"}, "error: a overran", "error: a overran"),
        ("cancelled", None, "unset", "ok"),
        ("cancelled", {"error": "gave up"}, "unset", "error: gave up"),
    ],
)
def test_the_outcome_and_the_ending_event_give_the_status(
    outcome: Outcome, data: dict[str, object], status: str, left: str
) -> None:
    records = [
        record("placed", "+a", at=0),
        record("moved", "-a", "+b", "+b.x", at=1),
        record("ended", "-b.x", "*b.z", "-b", "*failed", at=2, data=data, outcome=outcome),
    ]
    assert [line[4] for line in outline(spans_of(records))] == ["ok", left, left, status]
    assert find(spans_of(records), "").attributes["workflow.outcome"] == outcome


def test_an_event_that_fails_without_ending_the_run_marks_only_what_it_leaves() -> None:
    records = [
        record("placed", "+a", at=0),
        record("failed", "-a", "+b", at=1, data={"error": "timeout at bank"}),
        record("ended", "-b", "*completed", at=2, outcome="ok"),
    ]
    assert [line[4] for line in outline(spans_of(records))] == ["error: timeout at bank", "ok", "ok"]
