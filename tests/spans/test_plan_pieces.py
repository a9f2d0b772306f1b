"""Properties of every plan, on generated journals."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from machines.errors import NewerSnapshotError, SnapshotError
from machines.journal import Header, Record
from spans.plan import plan
from spans.planned import PlannedSpan
from spans.trace_state import TraceState, decode_trace_state, encode_trace_state
from tests.spans.journals import header, journals, record

Journal = tuple[Header, list[Record]]


@settings(deadline=None)
@given(journals(), st.data())
def test_a_journal_planned_in_pieces_gives_the_same_spans(journal: Journal, data: st.DataObject) -> None:
    head, records = journal
    cuts = sorted(data.draw(st.lists(st.integers(0, len(records)), max_size=4)))
    spans: list[PlannedSpan] = []
    state: TraceState | None = None
    for start, end in zip([0, *cuts], [*cuts, len(records)], strict=True):
        part = plan("default", "o-1", head, records[start:end], state)
        spans += part.spans
        assert part.state.index == end + 1
        stored = encode_trace_state(part.state)
        assert plan("default", "o-1", head, records[start:end], state) == part, (
            "planning changed the state it was given"
        )
        state = decode_trace_state(stored)
    whole = plan("default", "o-1", head, records)
    assert spans == whole.spans
    assert state == whole.state


@settings(deadline=None)
@given(journals(), st.integers(0, 3), st.data())
def test_a_bound_on_open_events_drops_the_same_in_pieces(journal: Journal, limit: int, data: st.DataObject) -> None:
    head, records = journal
    cut = data.draw(st.integers(0, len(records)))
    first = plan("default", "o-1", head, records[:cut], event_limit=limit)
    second = plan("default", "o-1", head, records[cut:], first.state, event_limit=limit)
    for bounded, whole in zip(first.spans + second.spans, plan("default", "o-1", head, records).spans, strict=True):
        assert bounded.dropped_events + len(bounded.events) == len(whole.events)
        assert bounded.events[-limit or len(bounded.events) :] == whole.events[-limit or len(whole.events) :]
    for span in second.state.open.values():
        assert len(span.events) <= limit


@settings(deadline=None)
@given(journals())
def test_no_span_ends_before_it_begins_or_leaves_its_parent(journal: Journal) -> None:
    spans = plan("default", "o-1", *journal).spans
    by_id = {span.span_id: span for span in spans}
    assert len(by_id) == len(spans), "an id came twice"
    for span in spans:
        assert span.start_ns <= span.end_ns
        parent = by_id.get(span.parent_id) if span.parent_id is not None else None
        if parent is not None:
            assert parent.start_ns <= span.start_ns
            assert span.end_ns <= parent.end_ns
            assert spans.index(span) < spans.index(parent) or span.path == "#started"


@settings(deadline=None)
@given(journals())
def test_progressive_spans_are_the_complete_ones_and_the_started_span(journal: Journal) -> None:
    head, records = journal
    own = {"run": head.run, "attributes": tuple(head.attributes), "trace": head.trace}
    complete = plan("default", "o-1", header(**own, export="complete"), records)  # type: ignore[arg-type]  # as they were
    progressive = plan("default", "o-1", header(**own, export="progressive"), records)  # type: ignore[arg-type]  # the same options as above
    assert progressive.spans[0].path == "#started"
    assert progressive.spans[1:] == complete.spans


@settings(deadline=None)
@given(journals())
def test_a_run_has_a_workflow_span_if_and_only_if_it_has_ended(journal: Journal) -> None:
    head, records = journal
    ended = any(one.outcome for one in records)
    made = plan("default", "o-1", head, records)
    assert [span.path for span in made.spans].count("") == ended
    assert made.state.ended == ended
    assert not ended or made.spans[-1].path == ""


def test_the_trace_state_of_a_newer_version_is_refused() -> None:
    stored = encode_trace_state(plan("default", "o-1", header(), [record("placed", "+a", at=0)]).state)
    for broken in (b"", b"\x00", stored[:-1]):
        with pytest.raises(SnapshotError, match="the trace state cannot be read"):
            decode_trace_state(broken)
    with pytest.raises(NewerSnapshotError, match=r"the trace state has format 4, .* reads up to 3"):
        decode_trace_state(b"\x04" + stored[1:])
