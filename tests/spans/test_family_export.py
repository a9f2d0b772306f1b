"""Children are sent with their parents: a family in one request, or in parts where it is large, each span once."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spans import export
from spans.carrying import MOST_JOURNALS
from spans.rebuilding import tell_again
from streams.keys import partition_of
from streams.outbox import Outbox
from tests.spans.endpoints import AnsweringReceiver
from tests.spans.export_runs import NOW_MS, Deliver, Endpoint, drain, exporter
from tests.spans.family_journals import APART, NAMESPACE, Kin, families, fan_out, place_in, shard, told_end, told_start
from tests.spans.family_ledger import LIMITS, encoded, fresh, marks, put, whole, write
from tests.spans.journals import START_NS, header, record
from tests.spans.ledger import PARTITIONS, Ledger
from tests.streams.interruption import Interrupted


def test_a_family_that_fits_goes_out_in_one_request_the_topmost_workflow_span_last(
    ledger: Ledger, deliver: Deliver
) -> None:
    family = fan_out(20)
    write(ledger, family)
    put(ledger, family)
    with AnsweringReceiver() as receiver:
        drain(exporter(ledger, deliver(receiver.endpoint)))
        (request,) = receiver.requests
        assert len(request.spans) == 2 * 20 + 2
        assert len({span.trace_id for span in request.spans}) == 1
        assert [span.name for span in request.spans[-2:]] == ["split", "order"]
        split = request.spans[-2].span_id
        assert Counter(span.parent_id for span in request.spans)[split] == 20
    assert {partition_of(kin.name, PARTITIONS) for kin in family.everyone} == {0, 1, 2}
    assert marks(ledger, family) == {NOW_MS}
    assert (ledger.waiting(), ledger.trace_states()) == (0, 0)


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(family=families(), data=st.data())
def test_what_arrives_are_the_spans_of_each_run_planned_alone(ledger: Ledger, family: Kin, data: st.DataObject) -> None:
    ledger = fresh(ledger)
    write(ledger, family)
    size = len(family.records) + 1
    cuts = sorted(data.draw(st.sets(st.integers(2, size - 1), max_size=3))) if size > 2 else []
    endpoint = Endpoint()
    for cut in cuts:
        put(ledger, family, cut)
        if data.draw(st.booleans()):
            drain(exporter(ledger, endpoint))
    put(ledger, family)
    drain(exporter(ledger, endpoint))
    assert Counter(span for request in endpoint.requests for span in request) == whole(family)
    assert marks(ledger, family) == {NOW_MS}
    assert ledger.refused() == []


def test_large_families_go_out_in_their_parts_however_many_wait(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MOST_SPANS", 250)
    family = fan_out(300)
    write(ledger, family)
    heard = 1 + 1 + 300  # header, start, and the starts of all children
    for ended in range(100, 300, 100):
        put(ledger, family, heard + ended)
    put(ledger, family)
    endpoint = Endpoint()
    drain(exporter(ledger, endpoint))
    assert [len(request) for request in endpoint.requests] == [200, 200, 202]
    assert Counter(span for request in endpoint.requests for span in request) == whole(family)
    assert marks(ledger, family) == {NOW_MS}


def test_journals_of_children_are_read_in_batches(ledger: Ledger) -> None:
    family = fan_out(MOST_JOURNALS + 1)
    write(ledger, family)
    put(ledger, family)
    trips: list[int] = []
    client = Interrupted(ledger.client, lambda commands: trips.append(len(commands)))
    drain(exporter(ledger, Endpoint(), outbox=Outbox(client, ledger.keys, PARTITIONS)))
    assert [size for size in trips if size > 3] == [MOST_JOURNALS]


def test_a_released_child_goes_out_by_itself_with_the_bytes_that_it_would_have_had(ledger: Ledger) -> None:
    family = fan_out(1, carried=False)
    child = family.children[0]
    write(ledger, family)
    put(ledger, family)
    put(ledger, child)
    endpoint = Endpoint()
    drain(exporter(ledger, endpoint))
    assert Counter(span for request in endpoint.requests for span in request) == whole(fan_out(1))
    assert marks(ledger, family) == {NOW_MS}


def test_an_apart_child_has_an_entry_of_its_own_and_links_lead_both_ways(ledger: Ledger, deliver: Deliver) -> None:
    records = [record("placed", "+split", at=0)]
    place = place_in("o-1", header(), records, apart=APART)
    child = shard("o-1.0", place)
    records += [told_start(child.name, child.head, "o-1", at_ns=START_NS, apart=APART)]
    records += [told_end(child, place, carried=False), record("joined", "-split", "*done", at=9, outcome="ok")]
    family = Kin("o-1", header(), records, [child])
    write(ledger, family)
    put(ledger, child)
    put(ledger, family)
    with AnsweringReceiver() as receiver:
        drain(exporter(ledger, deliver(receiver.endpoint)))
        spans = {span.name: span for span in receiver.spans}
    assert spans["shard"].trace_id != spans["order"].trace_id
    assert spans["shard"].attributes["workflow.apart"] == APART
    assert [link.span_id for link in spans["shard"].links] == [spans["split"].span_id]
    assert [link.span_id for link in spans["order"].links] == [spans["shard"].span_id]


@settings(deadline=None, max_examples=25)
@given(families())
def test_rebuilding_each_run_alone_gives_the_same_bytes(family: Kin) -> None:
    for kin in family.everyone:
        pieces = tell_again(NAMESPACE, kin.name, kin.head, kin.records, LIMITS)
        assert [span for piece in pieces for span in piece] == encoded(kin)
