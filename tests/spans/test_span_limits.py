import pytest
from opentelemetry.sdk.trace import SpanLimits

from spans.limits import keep_within
from spans.plan import plan
from spans.planned import PlannedSpan
from tests.spans.journals import TRACEPARENT, header, record
from tests.spans.outline import find

RECORDS = [
    record("placed", "+a", at=0, data={"note": "long text", "tags": ["first", "second"], "sizes": [10, 20]}),
    *(record(f"noted-{number}", at=number) for number in range(1, 200)),
    record("moved", "-a", "+b", at=200, traceparent=TRACEPARENT),
    record("ended", "-b", "*completed", at=201, outcome="ok"),
]
SPANS = plan("default", "o-1", header(attributes=("note", "tags", "sizes")), RECORDS).spans


def root(limits: SpanLimits) -> PlannedSpan:
    """The workflow span within limits."""
    return keep_within(limits, find(SPANS, ""))


@pytest.fixture(autouse=True)
def without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"):
        monkeypatch.delenv(name, raising=False)


def test_of_too_many_events_the_oldest_are_dropped_and_counted() -> None:
    whole, kept = find(SPANS, ""), root(SpanLimits())
    assert len(whole.events) == 201
    assert kept.events == whole.events[-128:]
    assert kept.dropped_events == 73
    assert root(SpanLimits(max_events=0)).events == []


def test_events_that_were_let_go_while_the_run_was_open_are_counted_too() -> None:
    head = header(attributes=("note",))
    first = plan("default", "o-1", head, RECORDS[:150], event_limit=128)
    second = plan("default", "o-1", head, RECORDS[150:], first.state, event_limit=128)
    kept = keep_within(SpanLimits(), find(second.spans, ""))
    assert (kept.events, kept.dropped_events) == (root(SpanLimits()).events, 73)


def test_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SPAN_EVENT_COUNT_LIMIT", "5")
    assert len(root(SpanLimits()).events) == 5


def test_a_span_within_the_limits_stays_the_same_object() -> None:
    span = find(SPANS, "a")
    assert keep_within(SpanLimits(), span) is span


def test_the_first_attributes_stay() -> None:
    kept = root(SpanLimits(max_span_attributes=6))
    assert list(kept.attributes) == [
        "workflow.id",
        "workflow.machine",
        "workflow.version",
        "workflow.run",
        "workflow.outcome",
        "note",
    ]
    assert kept.dropped_attributes == 2


def test_long_texts_are_cut_in_attributes_lists_and_events() -> None:
    kept = root(SpanLimits(max_attribute_length=3))
    assert kept.attributes["note"] == "lon"
    assert kept.attributes["tags"] == ["fir", "sec"]
    assert kept.attributes["sizes"] == [10, 20]
    assert kept.attributes["workflow.run"] == 1
    assert kept.events[0].attributes == {"workflow.event.id": "not", "workflow.event.result": "app"}
    assert kept.dropped_attributes == 0


def test_event_attributes_and_links_have_limits_of_their_own() -> None:
    kept = root(SpanLimits(max_event_attributes=1, max_links=0))
    assert kept.events[0].attributes == {"workflow.event.id": "noted-73"}
    assert kept.events[0].dropped_attributes == 1
    assert kept.events[-1].attributes is None
    linked = keep_within(SpanLimits(max_links=0), find(SPANS, "b"))
    assert (linked.links, linked.dropped_links) == ([], 1)


def test_no_limit_at_all_is_possible() -> None:
    unset = SpanLimits.UNSET
    kept = root(SpanLimits(max_events=unset, max_span_attributes=unset, max_links=unset, max_event_attributes=unset))
    assert kept is find(SPANS, "")
