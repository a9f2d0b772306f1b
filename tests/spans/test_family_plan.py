"""Plans of workflows within workflows: whose trace, under which span, never before it, and linked where apart."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from opentelemetry.sdk.trace import SpanLimits

from machines.place import Place, Top
from spans.errors import PlanError
from spans.ids import SpanId, TraceId, span_id, trace_id
from spans.limits import keep_within
from spans.own_trace import own_trace
from spans.plan import plan
from spans.planned import PlannedSpan
from spans.trace_state import TraceState, decode_trace_state, encode_trace_state
from tests.spans.family_journals import (
    APART,
    NAMESPACE,
    Kin,
    families,
    fan_out,
    place_in,
    placed,
    shard,
    told_end,
    told_start,
)
from tests.spans.journals import SECOND_NS, START_NS, TRACEPARENT, header, record

PARENT = header()
SPLIT = [record("placed", "+split", at=0), record("more", "+split.inner", at=5)]


def own(name: str, machine: str = "order", run: int = 1) -> TraceId:
    return trace_id(NAMESPACE, machine, name, run)


def spans_of(kin: Kin) -> list[PlannedSpan]:
    return plan(NAMESPACE, kin.name, kin.head, kin.records).spans


def root_of(kin: Kin) -> PlannedSpan:
    return next(span for span in spans_of(kin) if not span.path)


def test_a_child_lies_in_the_trace_of_its_topmost_parent_under_the_active_state() -> None:
    place = place_in("o-1", PARENT, SPLIT)
    work, root = spans_of(shard("s-1", place, at=6, end=7))
    assert root.trace_id == work.trace_id == own("o-1")
    assert root.parent_id == span_id(own("o-1"), "split.inner", 1)
    assert root.span_id == span_id(own("s-1", "shard"), "", 0), "ids come from the run's own trace, wherever it lies"
    assert work.parent_id == root.span_id
    assert not root.parent_remote
    assert root.attributes["workflow.parent"] == "o-1"
    assert "workflow.apart" not in root.attributes
    assert not root.links


def test_where_the_topmost_parent_continues_a_caller_so_do_all_below_it() -> None:
    top = Top("order", "o-0", 1, TRACEPARENT, "a=1")
    child = shard("s-1", Place("o-1", "order", 1, "", 0, 2, START_NS, top))
    for span in spans_of(child):
        assert f"{span.trace_id:032x}" == TRACEPARENT.split("-")[1]
        assert span.tracestate == "a=1"
    assert root_of(child).parent_id == span_id(own("o-1"), "", 0)
    assert own_trace(NAMESPACE, "s-1", child.head, child.records[0]) == TRACEPARENT.split("-")[1]


def test_a_joined_child_never_begins_before_the_span_that_it_lies_in() -> None:
    child = shard("s-1", place_in("o-1", PARENT, SPLIT), at=-3, end=-1)
    root = root_of(child)
    assert root.start_ns == root.end_ns == START_NS + 5 * SECOND_NS
    assert root.attributes["workflow.clock_skew_ms"] == 8_000
    assert all(span.start_ns >= root.start_ns for span in spans_of(child))


def test_a_child_that_ends_last_keeps_its_parents_spans_open_until_then() -> None:
    place = place_in("o-1", PARENT, SPLIT)
    child = shard("s-1", place, at=6, end=30)
    records = [*SPLIT, told_end(child, place, carried=False)]
    records += [record("joined", "-split.inner", "-split", "*completed", at=20, outcome="ok")]
    inner, split, root = plan(NAMESPACE, "o-1", PARENT, records).spans
    for span in (inner, split, root):
        assert span.end_ns == START_NS + 30 * SECOND_NS
        assert span.attributes["workflow.clock_skew_ms"] == 10_000


def test_of_a_state_that_was_left_what_is_around_it_lasts_until_its_child_ends() -> None:
    place = place_in("o-1", PARENT, SPLIT)
    records = [*SPLIT, record("on", "-split.inner", "+split.outer", at=7)]
    records += [told_end(shard("s-1", place, at=6, end=30), place, carried=False)]
    records += [record("joined", "-split.outer", "-split", "*completed", at=20, outcome="ok")]
    ends = {span.path: span.end_ns for span in plan(NAMESPACE, "o-1", PARENT, records).spans}
    assert ends["split.inner"] == START_NS + 7 * SECOND_NS
    assert ends["split.outer"] == START_NS + 20 * SECOND_NS
    assert ends["split"] == ends[""] == START_NS + 30 * SECOND_NS


def test_a_child_that_is_apart_and_its_parent_are_linked_both_ways() -> None:
    place = place_in("o-1", PARENT, SPLIT, apart=APART)
    child = shard("s-1", place, at=-3, end=-1)
    root = root_of(child)
    assert root.trace_id == own("s-1", "shard")
    assert root.parent_id is None
    assert root.start_ns == START_NS - 3 * SECOND_NS, "in a trace of its own nothing is to be clamped"
    assert root.attributes["workflow.apart"] == APART
    (link,) = root.links
    assert (link.trace_id, link.span_id) == (f"{own('o-1'):032x}", f"{span_id(own('o-1'), 'split.inner', 1):016x}")
    assert not link.remote
    records = [*SPLIT, told_start("s-1", child.head, "o-1", at_ns=START_NS, apart=APART)]
    records += [told_end(child, place, carried=False)]
    records += [record("joined", "-split.inner", "-split", "*completed", at=20, outcome="ok")]
    parent = plan(NAMESPACE, "o-1", PARENT, records).spans[-1]
    (back,) = parent.links
    assert (back.trace_id, back.span_id) == (f"{root.trace_id:032x}", f"{root.span_id:016x}")


def test_a_child_that_began_without_an_answer_is_linked_from_its_end() -> None:
    alone = Place("o-1", "", 0, "", 0, 1, 0, Top("", "o-1", 0), "o-1 did not answer")
    child = shard("s-1", alone)
    assert root_of(child).links == []
    assert root_of(child).trace_id == own("s-1", "shard")
    records = [*SPLIT, told_start("s-1", child.head, "o-1", at_ns=START_NS), told_end(child, alone, carried=False)]
    state = plan(NAMESPACE, "o-1", PARENT, records).state
    assert state.workflow is not None
    (back,) = state.workflow.links
    assert back.span_id == f"{root_of(child).span_id:016x}"


@pytest.mark.parametrize("apart", [None, APART])
def test_a_caller_whose_trace_a_child_would_continue_is_linked(apart: str | None) -> None:
    place = place_in("o-1", PARENT, SPLIT, apart=apart)
    records = [record("began", "+work", at=6, traceparent=TRACEPARENT)]
    head = header("shard", trace="continue")
    trace = own("o-1") if apart is None else own("s-1", "shard")
    state = plan(NAMESPACE, "s-1", head, placed(records, place)).state
    assert state.workflow is not None
    links = [link.trace_id for link in state.workflow.links if link.remote]
    assert links == [TRACEPARENT.split("-")[1]]
    assert own_trace(NAMESPACE, "s-1", head, placed(records, place)[0]) == f"{trace:032x}"


def test_messages_of_children_are_no_span_events() -> None:
    family = fan_out(3)
    split, root = spans_of(family)
    assert [event.name for event in split.events] == ["com.example.joined"]
    assert [event.name for event in root.events] == ["com.example.placed", "completed"]


def test_a_message_that_came_late_changes_no_span() -> None:
    family = fan_out(1)
    late = replace(told_end(family.children[0], place_in("o-1", PARENT, SPLIT), carried=True), result="late")
    told = plan(NAMESPACE, "o-1", family.head, [*family.records, late])
    assert told.spans == spans_of(family)
    assert len(told.carried) == 1


def test_a_message_that_cannot_be_read_is_told() -> None:
    broken = told_start("s-1", PARENT, "o-1", at_ns=START_NS, apart=APART)
    broken = replace(broken, event=replace(broken.event, data="{}"))
    with pytest.raises(PlanError, match=r"message 'child\.started:1:s-1' cannot be read"):
        plan(NAMESPACE, "o-1", PARENT, [*SPLIT, broken])


def test_links_to_children_are_bounded_and_those_left_out_are_counted() -> None:
    limits = SpanLimits(max_links=4)
    records = [record("placed", "+split", at=0)]
    records += [told_start(f"s-{number}", PARENT, "o-1", at_ns=START_NS, apart=APART) for number in range(10)]
    end = record("joined", "-split", "*completed", at=9, outcome="ok")
    whole = keep_within(limits, plan(NAMESPACE, "o-1", PARENT, [*records, end]).spans[-1])
    state = plan(NAMESPACE, "o-1", PARENT, records[:7], link_limit=4).state
    assert state.workflow is not None
    assert (len(state.workflow.links), state.workflow.dropped_links) == (4, 2)
    again = plan(NAMESPACE, "o-1", PARENT, [*records[7:], end], state, link_limit=4).spans[-1]
    assert keep_within(limits, again) == whole
    assert (len(whole.links), whole.dropped_links) == (4, 6)


@settings(deadline=None, max_examples=40)
@given(families())
def test_no_child_begins_before_its_parents_span(family: Kin) -> None:
    spans: dict[SpanId, PlannedSpan] = {}
    for kin in family.everyone:
        spans |= {span.span_id: span for span in spans_of(kin)}
    assert len({span.trace_id for span in spans.values()}) == 1
    for span in spans.values():
        parent = spans.get(span.parent_id) if span.parent_id is not None else None
        assert span.path == "" or parent is not None
        if parent is not None:
            assert parent.start_ns <= span.start_ns


@settings(deadline=None, max_examples=40)
@given(families(), st.data())
def test_a_parents_journal_planned_in_pieces_gives_the_same(family: Kin, data: st.DataObject) -> None:
    whole = plan(NAMESPACE, family.name, family.head, family.records)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(family.records)), max_size=4)))
    spans: list[PlannedSpan] = []
    carried: list[tuple[int, str]] = []
    state: TraceState | None = None
    for start, end in zip([0, *cuts], [*cuts, len(family.records)], strict=True):
        part = plan(NAMESPACE, family.name, family.head, family.records[start:end], state, link_limit=128)
        carried += [(len(spans) + after, child.id) for after, child in part.carried]
        spans += part.spans
        state = decode_trace_state(encode_trace_state(part.state))
    assert spans == whole.spans
    assert state == whole.state
    assert carried == [(after, child.id) for after, child in whole.carried]
