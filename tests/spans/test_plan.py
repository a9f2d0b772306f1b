"""The trace model, rule by rule, on journals written by hand."""

import pytest

from machines.journal import Record
from spans.errors import PlanError
from spans.ids import span_id, trace_id
from spans.plan import plan
from spans.trace_state import open_spans
from tests.spans.journals import START_NS, header, record
from tests.spans.outline import events, find, outline, spans_of

PAID = [
    record("placed", "+payment", "+payment.trying", at=0),
    record("declined", "-payment.trying", "*payment.refused", "-payment", "+payment", "+payment.trying", at=2),
    record("paid", "-payment.trying", "*payment.settled", "-payment", "*completed", at=5, outcome="ok"),
]


def test_every_visit_of_a_state_is_a_span_within_its_parent_in_order_of_ending() -> None:
    assert outline(spans_of(PAID)) == [
        ("payment.trying#1", "payment#1", 0, 2, "ok"),
        ("payment#1", "order", 0, 2, "ok"),
        ("payment.trying#2", "payment#2", 2, 5, "ok"),
        ("payment#2", "order", 2, 5, "ok"),
        ("order", "", 0, 5, "ok"),
    ]


def test_ids_follow_from_names_and_visits() -> None:
    trace = trace_id("default", "order", "o-1", 1)
    for span in spans_of(PAID):
        assert span.trace_id == trace
        assert span.span_id == span_id(trace, span.path, span.visit)
        assert not span.parent_remote
        assert span.tracestate is None
    assert find(spans_of(PAID), "payment.trying", 2).name == "trying"


def test_parallel_regions_are_siblings() -> None:
    records = [
        record("placed", "+jobs", "+jobs.unit", "+jobs.unit.run", "+jobs.lint", "+jobs.lint.run", at=0),
        record("linted", "-jobs.lint.run", "*jobs.lint.done", at=1),
        record(
            "tested",
            "-jobs.unit.run",
            "*jobs.unit.done",
            "-jobs.unit",
            "-jobs.lint",
            "-jobs",
            "*done",
            at=4,
            outcome="ok",
        ),
    ]
    assert outline(spans_of(records)) == [
        ("jobs.lint.run#1", "jobs.lint#1", 0, 1, "ok"),
        ("jobs.unit.run#1", "jobs.unit#1", 0, 4, "ok"),
        ("jobs.unit#1", "jobs#1", 0, 4, "ok"),
        ("jobs.lint#1", "jobs#1", 0, 4, "ok"),
        ("jobs#1", "order", 0, 4, "ok"),
        ("order", "", 0, 4, "ok"),
    ]
    assert events(find(spans_of(records), "jobs.lint")) == [("done", 1), ("com.example.tested", 4)]


def test_a_state_that_is_passed_through_has_a_span_without_length() -> None:
    records = [record("placed", "+routing", "-routing", "+packing", at=0), record("sent", "-packing", "*sent", at=1)]
    spans = spans_of(records)
    assert outline(spans)[0] == ("routing#1", "elsewhere", 0, 0, "ok")
    assert events(find(spans, "routing")) == [("com.example.placed", 0)]


def test_an_applied_event_is_on_every_state_it_left_and_else_on_the_workflow() -> None:
    records = [
        record("placed", "+a", at=0),
        record("noted", at=1),
        record("ended", "-a", "*completed", at=2, outcome="ok"),
    ]
    spans = spans_of(records)
    assert events(find(spans, "a")) == [("com.example.ended", 2)]
    assert events(find(spans, "")) == [("com.example.placed", 0), ("com.example.noted", 1), ("completed", 2)]
    noted = find(spans, "").events[1]
    assert noted.attributes == {"workflow.event.id": "noted", "workflow.event.result": "applied"}
    assert find(spans, "").events[2].attributes is None


def test_a_rejected_event_is_on_the_workflow_with_its_reason_and_changes_nothing_else() -> None:
    rejected = record(
        "odd", at=1, data={"amount": 7, "error": "no"}, result="rejected", reason="not in paid", parent="x"
    )
    spans = spans_of([PAID[0], rejected, *PAID[1:]], attributes=("amount",))
    assert outline(spans) == outline(spans_of(PAID))
    assert find(spans, "").events[1].attributes == {
        "workflow.event.id": "odd",
        "workflow.event.result": "rejected",
        "workflow.event.reason": "not in paid",
    }
    assert not {"amount", "workflow.parent"} & find(spans, "").attributes.keys()


def test_a_first_event_that_the_chart_rejects_still_enters_the_initial_state() -> None:
    records = [
        record("odd", "+a", at=0, result="rejected", reason="not in a"),
        *[record("end", "-a", "*z", at=1, outcome="ok")],
    ]
    assert outline(spans_of(records)) == [("a#1", "order", 0, 1, "ok"), ("order", "", 0, 1, "ok")]
    assert [name for name, _ in events(find(spans_of(records), ""))] == ["com.example.odd", "z"]


def test_late_events_change_no_span() -> None:
    late = record("again", at=9, data={"amount": 1}, result="late")
    assert spans_of([*PAID, late], attributes=("amount",)) == spans_of(PAID, attributes=("amount",))


def test_attributes_are_those_known_when_the_span_ends() -> None:
    records = [
        record("placed", "+a", at=0, data={"amount": 1, "region": "EU", "other": True}, parent="o-0"),
        record("changed", "-a", "+b", at=1, data={"amount": 2, "region": None}),
        record("ended", "-b", "*completed", at=2, data={"amount": 3}, outcome="ok", parent="o-9"),
    ]
    spans = spans_of(records, attributes=("amount", "region"))
    always = {
        "workflow.id": "o-1",
        "workflow.machine": "order",
        "workflow.version": 1,
        "workflow.run": 1,
        "region": "EU",
    }
    assert find(spans, "a").attributes == always | {"workflow.state": "a", "workflow.visit": 1, "amount": 2}
    assert find(spans, "b").attributes == always | {"workflow.state": "b", "workflow.visit": 1, "amount": 3}
    assert find(spans, "").attributes == always | {"workflow.outcome": "ok", "workflow.parent": "o-0", "amount": 3}


TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALL = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "a=1"}


def test_states_are_linked_to_the_span_whose_event_opened_them() -> None:
    records = [
        record("placed", "+a", at=0),
        record("moved", "-a", "+b", "+b.x", at=1, **CALL),  # type: ignore[arg-type]  # text by text
        record("broken", "-b.x", "+b.y", at=2, traceparent="00-rubbish"),
        record("ended", "-b.y", "-b", "*completed", at=3, outcome="ok"),
    ]
    spans = spans_of(records)
    assert {
        span.path: [(link.trace_id, link.span_id, link.tracestate, link.remote) for link in span.links]
        for span in spans
    } == {
        "a": [],
        "b": [(TRACE, SPAN, "a=1", True)],
        "b.x": [(TRACE, SPAN, "a=1", True)],
        "b.y": [],
        "": [],
    }


def test_the_next_run_is_a_trace_of_its_own_linked_to_the_former() -> None:
    root = find(spans_of(PAID, run=2), "")
    former = trace_id("default", "order", "o-1", 1)
    assert root.trace_id == trace_id("default", "order", "o-1", 2)
    (link,) = root.links
    assert (link.trace_id, link.span_id) == (f"{former:032x}", f"{span_id(former, '', 0):016x}")
    assert not link.remote


def test_a_run_that_continues_a_trace_is_a_child_of_the_caller_with_ids_of_its_own() -> None:
    records = [record("placed", "+a", at=0, **CALL), record("ended", "-a", "*completed", at=1, outcome="ok")]  # type: ignore[arg-type]  # text by text, as above
    spans = spans_of(records, trace="continue", run=2)
    own = trace_id("default", "order", "o-1", 2)
    assert [(f"{span.trace_id:032x}", span.tracestate) for span in spans] == [(TRACE, "a=1")] * 2
    assert [span.span_id for span in spans] == [span_id(own, "a", 1), span_id(own, "", 0)]
    assert [span.parent_id for span in spans] == [span_id(own, "", 0), int(SPAN, 16)]
    assert [span.parent_remote for span in spans] == [False, True]
    assert not find(spans, "").links, "the trace of the former run is its caller's, which this journal does not know"


def test_without_a_valid_caller_a_continuing_run_has_its_own_trace() -> None:
    spans = spans_of(PAID, trace="continue")
    assert spans == spans_of(PAID)


def test_a_progressive_run_tells_that_it_has_started() -> None:
    spans = spans_of([record("placed", "+a", at=0, data={"amount": 1})], export="progressive", attributes=("amount",))
    assert outline(spans) == [("order started", "elsewhere", 0, 0, "unset")]
    (started,) = spans
    assert started.span_id == span_id(started.trace_id, "#started", 0)
    assert started.parent_id == span_id(started.trace_id, "", 0)
    assert started.attributes["amount"] == 1
    assert not {"workflow.state", "workflow.visit", "workflow.outcome"} & started.attributes.keys()


def test_what_is_open_can_be_listed() -> None:
    state = plan("default", "o-1", header(), PAID[:2]).state
    assert [(span.path, span.visit, span.start_ns - START_NS) for span in open_spans(state)] == [
        ("", 0, 0),
        ("payment", 2, 2_000_000_000),
        ("payment.trying", 2, 2_000_000_000),
    ]
    assert open_spans(plan("default", "o-1", header(), PAID).state) == []


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([record("x", "-a", at=0)], "leaves 'a', which is not active"),
        ([record("x", "+a", "+a", at=0)], "enters 'a', which is active already"),
        ([record("x", "+a", "+a.b", "-a", "-a.b", at=0)], "'a' is left before 'a.b'"),
        ([record("x", "+a", "*z", at=0, outcome="ok")], "while 'a' is active"),
        ([*PAID, record("x", at=9)], "applied after the end"),
    ],
)
def test_a_journal_that_contradicts_itself_is_no_trace(records: list[Record], reason: str) -> None:
    with pytest.raises(PlanError, match=reason) as caught:
        spans_of(records)
    assert (caught.value.workflow_id, caught.value.run) == ("o-1", 1)
