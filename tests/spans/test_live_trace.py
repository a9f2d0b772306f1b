"""The trace of a run that may not have ended: its ended spans are the exported ones, and what is open says so."""

from collections.abc import Iterator, Sequence
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import SpanLimits

from machines.journal import Header, Record
from spans.live import LiveTrace, in_tree_order, live_trace
from spans.otlp import encode_span
from spans.parcel import Packing
from spans.plan import plan
from spans.planned import PlannedSpan
from streams.keys import Keys
from streams.outbox import Acknowledgement, OutboxItem
from tests.spans.journals import START_NS, header, journals, record
from tests.spans.ledger import Ledger
from tests.spans.outline import events, find, outline, seconds
from tests.support.probe import Probe
from tests.support.servers import Server

Journal = tuple[Header, list[Record]]
NOW_NS = START_NS + 10_000_000_000
LIMITS = SpanLimits()
numbers = count(1)


@pytest.fixture
def valkey_ledger(valkey_server: Server, prefix: str) -> Iterator[Ledger]:
    """An outbox on Valkey only: what is compared does not depend on the server."""
    with Probe(valkey_server.url) as client:
        yield Ledger(client, Keys(prefix))


def live(records: Sequence[Record], at_ns: int = NOW_NS, **options: object) -> LiveTrace:
    return live_trace("default", "o-1", header(**options), records, LIMITS, at_ns)  # type: ignore[arg-type]  # options by name


def encoded(spans: Sequence[PlannedSpan]) -> list[bytes]:
    return [encode_span(span) for span in spans]


def test_open_spans_end_now_and_say_that_they_are_open() -> None:
    trace = live(
        [
            record("placed", "+a", "+a.x", at=0, data={"amount": 7}, parent="o-0"),
            record("paid", "-a.x", "+a.y", at=2, data={"amount": 9}),
        ],
        attributes=("amount",),
    )
    assert outline(trace.spans) == [
        ("order", "", 0, 10, "unset"),
        ("a#1", "order", 0, 10, "unset"),
        ("a.x#1", "a#1", 0, 2, "ok"),
        ("a.y#1", "a#1", 2, 10, "unset"),
    ]
    assert {span.path: span.attributes.get("workflow.open") for span in trace.spans} == {
        "": True,
        "a": True,
        "a.x": None,
        "a.y": True,
    }
    assert find(trace.open, "").attributes == {
        "workflow.id": "o-1",
        "workflow.machine": "order",
        "workflow.version": 1,
        "workflow.run": 1,
        "workflow.open": True,
        "workflow.parent": "o-0",
        "amount": 9,
    }
    assert events(find(trace.open, "")) == [("com.example.placed", 0)]


def test_an_open_span_has_the_ids_parent_events_and_links_that_it_is_exported_with() -> None:
    begun = [record("placed", "+a", "+a.x", at=0), record("paid", "-a.x", at=1), record("odd", at=2, result="rejected")]
    ended = [*begun, record("done", "-a", "*completed", at=5, outcome="ok")]
    exported = {span.path: span for span in live(ended, run=2).ended}
    for span in live(begun, run=2).open:
        later = exported[span.path]
        assert (span.trace_id, span.span_id, span.parent_id) == (later.trace_id, later.span_id, later.parent_id)
        assert (span.name, span.visit, span.start_ns, span.links) == (
            later.name,
            later.visit,
            later.start_ns,
            later.links,
        )
        assert later.events[: len(span.events)] == span.events


def test_a_clock_behind_the_events_lets_no_open_span_end_before_what_it_holds() -> None:
    trace = live([record("placed", "+a", "+a.x", at=0), record("paid", "-a.x", "+a.y", at=30)], START_NS)
    assert outline(trace.open) == [
        ("order", "", 0, 30, "unset"),
        ("a#1", "order", 0, 30, "unset"),
        ("a.y#1", "a#1", 30, 30, "unset"),
    ]
    assert [span.attributes["workflow.clock_skew_ms"] for span in trace.open] == [30_000] * 3


def test_an_ended_run_has_all_its_spans_and_none_open() -> None:
    records = [record("placed", "+a", at=0), record("done", "-a", "*completed", at=5, outcome="ok")]
    trace = live([*records, record("more", at=6, result="late")])
    assert trace.open == []
    assert encoded(trace.ended) == encoded(plan("default", "o-1", header(), records).spans)
    assert [span.path for span in trace.spans] == ["", "a"]


def test_a_journal_without_records_has_no_spans() -> None:
    trace = live([])
    assert (trace.spans, trace.left_out) == ([], 0)
    assert len(trace.trace_id) == 32


def test_of_a_long_run_the_newest_spans_are_shown_and_the_rest_is_counted() -> None:
    moves = [record(f"e{number}", "-a", "+a", at=number) for number in range(1, 5_001)]
    trace = live_trace("default", "o-1", header(), iter([record("e0", "+a", at=0), *moves]), LIMITS, NOW_NS, shown=100)
    assert [span.visit for span in trace.ended] == list(range(4_901, 5_001))
    assert trace.left_out == 4_900
    assert [span.visit for span in trace.open] == [0, 5_001]
    assert seconds(trace.open[1].start_ns) == 5_000


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(journals(), st.sampled_from([None, 2, 5]), st.data())
def test_every_span_that_has_ended_is_byte_for_byte_the_exported_one(
    valkey_ledger: Ledger, journal: Journal, most: int | None, data: st.DataObject
) -> None:
    head, records = journal
    limits = SpanLimits(max_span_attributes=most, max_events=most, max_links=1, max_span_attribute_length=most)
    workflow_id = f"o-{next(numbers)}"
    valkey_ledger.write(workflow_id, head, records)
    cuts = sorted(data.draw(st.lists(st.integers(1, len(records)), max_size=3)))
    exported = export_in_parts(
        valkey_ledger, limits, [OutboxItem(workflow_id, head.run, 1 + cut, False) for cut in cuts]
    )
    now_ns = START_NS + data.draw(st.integers(-(10**10), 3 * 10**10))
    whole, before = (
        live_trace("default", workflow_id, head, seen, limits, now_ns)
        for seen in (records, records[: data.draw(st.integers(0, len(records)))])
    )
    shown = encoded(whole.ended)
    assert shown[: len(exported)] == exported
    assert shown[len(exported) :] == export_in_parts(
        valkey_ledger, limits, [OutboxItem(workflow_id, head.run, 1 + len(records), bool(records[-1].outcome))]
    )
    assert encoded(before.ended) == shown[: len(before.ended)]
    assert {span[2:18].hex() for span in encoded(whole.open) + shown} <= {whole.trace_id}


@settings(deadline=None)
@given(journals(), st.integers(-(10**10), 3 * 10**10))
def test_a_live_trace_is_one_tree_in_which_children_lie_within_their_parents(journal: Journal, after_ns: int) -> None:
    head, records = journal
    trace = live_trace("default", "o-1", head, records, LIMITS, START_NS + after_ns)
    spans = trace.spans
    assert len(spans) == len(trace.open) + len(trace.ended)
    assert in_tree_order(spans[::-1]) == spans
    seen: dict[int, PlannedSpan] = {}
    for span in spans:
        assert span.start_ns <= span.end_ns
        parent = None if span.parent_id is None else seen.get(span.parent_id)
        assert (parent is None) == (span.path == "")
        if parent is not None:
            assert parent.start_ns <= span.start_ns
            assert span.end_ns <= parent.end_ns
        assert span.span_id not in seen
        seen[span.span_id] = span


def export_in_parts(ledger: Ledger, limits: SpanLimits, items: Sequence[OutboxItem]) -> list[bytes]:
    """What the export packs when the outbox tells of a run piece by piece."""
    packing = Packing(ledger.outbox, "default", limits)
    sent: list[bytes] = []
    for item in items:
        (parcel,) = packing.pack([(0, item)])
        assert not parcel.trouble
        sent += parcel.spans
        kept = Acknowledgement(states=[(item, parcel.state)] if parcel.state else [])
        ledger.outbox.acknowledge(0, kept, NOW_NS // 1_000_000)
    return sent
