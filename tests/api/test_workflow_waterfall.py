"""The waterfall of the page: where bars, marks and ticks stand, and what is said on them."""

from typing import Any

import pytest

from api.waterfall import DEEPEST, Waterfall, describe_waterfall, find_ticks
from spans.ids import SpanId, TraceId
from spans.planned import PlannedEvent, PlannedSpan

SECOND = 10**9
BEGIN = 1_795_363_200 * SECOND


def span(number: int, begin: float, end: float, parent: int | None = None, **more: Any) -> PlannedSpan:
    """A span between two numbers of seconds."""
    told: dict[str, Any] = {
        "name": f"s{number}",
        "path": f"s{number}",
        "attributes": {},
        "events": [],
        "status": "ok",
        "message": None,
    } | more
    return PlannedSpan(
        trace_id=TraceId(1),
        span_id=SpanId(number),
        parent_id=None if parent is None else SpanId(parent),
        visit=1,
        start_ns=BEGIN + round(begin * SECOND),
        end_ns=BEGIN + round(end * SECOND),
        links=[],
        **told,
    )


def whole(*spans: PlannedSpan, open_ids: tuple[int, ...] = (), now: float = 0) -> Waterfall:
    """The waterfall of spans at a number of seconds."""
    return describe_waterfall(spans, frozenset(map(SpanId, open_ids)), 0, BEGIN + round(now * SECOND), {}, "wf-1")


def test_bars_stand_where_their_times_are_within_the_whole() -> None:
    shown = whole(span(1, 0, 10), span(2, 2.5, 5, 1), span(3, 3, 4, 2))
    assert [(shown.place(bar.at), shown.width(bar), bar.depth) for bar in shown.bars] == [
        ("0.0000%", "100.0000%", 0),
        ("25.0000%", "25.0000%", 1),
        ("30.0000%", "10.0000%", 2),
    ]
    assert shown.origin_ms == BEGIN / 10**6
    assert not shown.is_open


def test_what_is_open_goes_on_to_now_and_leaves_room_at_its_end() -> None:
    shown = whole(span(1, 0, 1), span(2, 0.5, 0.5, 1), open_ids=(1, 2), now=100)
    assert [(bar.until, bar.is_open, bar.end) for bar in shown.bars] == [(100_000, True, ""), (100_000, True, "")]
    assert shown.extent == pytest.approx(103_000)
    assert shown.ticks[-1].at > 2 * shown.extent, "the scale adapts for a while without the server"


def test_what_took_no_time_can_be_seen() -> None:
    shown = whole(span(1, 0, 1_000), span(2, 5, 5, 1))
    assert shown.width(shown.bars[1]) == "0.1500%"
    alone = whole(span(1, 0, 0))
    assert alone.place(alone.bars[0].at) == "0.0000%"


def test_a_clock_before_the_start_of_an_open_span_makes_no_bar_backwards() -> None:
    shown = whole(span(1, 10, 10), open_ids=(1,), now=3)
    assert shown.bars[0].until >= shown.bars[0].at >= 0


def test_a_message_is_told_on_the_innermost_span_only() -> None:
    bad: dict[str, Any] = {"status": "error", "message": "it broke"}
    other: dict[str, Any] = {"status": "error", "message": "late"}
    shown = whole(span(1, 0, 9, **bad), span(2, 0, 9, 1, **bad), span(3, 0, 4, 2, **other), span(4, 4, 9, 2, **bad))
    assert [bar.message for bar in shown.bars] == ["", "", "late", "it broke"]
    assert {bar.status for bar in shown.bars} == {"error"}


def test_marks_say_what_became_of_their_events_and_where_they_are_in_the_journal() -> None:
    at_ns = BEGIN + 3 * SECOND
    told = {"workflow.event.id": "e-1", "workflow.event.result": "rejected", "workflow.event.reason": "no"}
    events = [PlannedEvent("x.odd", at_ns, told), PlannedEvent("done", at_ns)]
    shown = describe_waterfall([span(1, 0, 4, events=events)], frozenset(), 0, BEGIN, {("e-1", at_ns): 7}, "wf-1")
    assert [(mark.at, mark.result, mark.reason, mark.entry) for mark in shown.bars[0].marks] == [
        (3_000, "rejected", "no", 7),
        (3_000, "reached", "", None),
    ]


def test_deep_nesting_ends_at_the_deepest_indent() -> None:
    shown = whole(*(span(number, 0, 9, number - 1 if number > 1 else None) for number in range(1, 20)))
    assert max(bar.depth for bar in shown.bars) == DEEPEST


@pytest.mark.parametrize("extent", [0.001, 0.7, 3, 950, 61_000, 4 * 3_600_000, 3 * 86_400_000, 10**12])
def test_ticks_are_few_and_round(extent: float) -> None:
    ticks = find_ticks(extent, extent)
    assert 2 <= len(ticks) <= 7
    assert ticks[0].text == "0"
    assert all(len(tick.text) < 9 for tick in ticks)
    assert len({tick.text for tick in ticks}) == len(ticks)
