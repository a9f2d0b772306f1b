"""The export from a real outbox to an endpoint."""

import threading

import pytest

from longspan.receiver import Answer as HTTPAnswer
from longspan.receiver import ExportRequest, Receiver
from machines.journal import Record
from spans import export
from spans.answer import Answer, Delivered, Refused, Unavailable
from streams.outbox import OutboxItem
from tests.spans.endpoints import AnsweringReceiver
from tests.spans.export_runs import NAMES, NOW_MS, RUN, WHOLE, Deliver, Endpoint, drain, exporter, ids
from tests.spans.journals import header, record
from tests.spans.ledger import Ledger
from tests.spans.pauses import Pauses


def test_runs_of_all_partitions_arrive_in_one_request_and_leave_nothing_behind(
    ledger: Ledger, deliver: Deliver
) -> None:
    for number in range(6):
        ledger.finish(f"o-{number}", header(), RUN, partition=number % 3)
    with AnsweringReceiver() as receiver:
        exporting = exporter(ledger, deliver(receiver.endpoint))
        drain(exporting)
        assert [len(request.spans) for request in receiver.requests] == [18]
        assert sorted(span.name for span in receiver.spans) == sorted(NAMES * 6)
        assert {span.attributes["workflow.id"] for span in receiver.spans} == {f"o-{number}" for number in range(6)}
    assert exporting.tally.sent == 18
    assert ledger.waiting() == 0
    assert ledger.trace_states() == 0
    assert [ledger.delivered_ms(f"o-{number}", partition=number % 3) for number in range(6)] == [NOW_MS] * 6


def test_a_progressive_run_arrives_span_by_span_each_once(ledger: Ledger) -> None:
    head, endpoint = header(export="progressive"), Endpoint()
    exporting = exporter(ledger, endpoint)
    for number, one in enumerate(RUN, 2):
        ledger.write("o-1", head, [one])
        ledger.put(OutboxItem("o-1", 1, number, number == 4))
        drain(exporting)
        assert ledger.trace_states() == (number < 4)
    assert endpoint.ids == [ids("o-1", ("#started", 0)), ids("o-1", ("a", 1)), ids("o-1", ("b", 1), ("", 0))]
    assert ledger.waiting() == 0


def test_another_process_goes_on_where_a_run_in_parts_stands(ledger: Ledger) -> None:
    first, second = Endpoint(), Endpoint()
    ledger.write("o-1", header(), RUN[:2])
    ledger.put(OutboxItem("o-1", 1, 3, False))
    drain(exporter(ledger, first))
    ledger.write("o-1", header(), RUN[2:])
    ledger.put(OutboxItem("o-1", 1, 3, False))
    ledger.put(OutboxItem("o-1", 1, 4, True))
    drain(exporter(ledger, second))
    assert first.ids == [ids("o-1", ("a", 1))]
    assert second.ids == [ids("o-1", ("b", 1), ("", 0))]


def test_a_repeated_item_sends_nothing(ledger: Ledger) -> None:
    endpoint = Endpoint()
    exporting = exporter(ledger, endpoint)
    ledger.write("o-1", header(export="progressive"), RUN[:2])
    for _ in range(2):
        ledger.put(OutboxItem("o-1", 1, 3, False))
        drain(exporting)
    assert endpoint.ids == [ids("o-1", ("#started", 0), ("a", 1))]
    assert ledger.waiting() == 0


def test_of_several_items_of_a_run_the_last_speaks_for_all(ledger: Ledger) -> None:
    endpoint = Endpoint()
    ledger.write("o-1", header(export="progressive"), RUN)
    for entries in (2, 3, 4):
        ledger.put(OutboxItem("o-1", 1, entries, entries == 4))
    drain(exporter(ledger, endpoint))
    assert endpoint.ids == [ids("o-1", ("#started", 0), *WHOLE)]
    assert (ledger.waiting(), ledger.trace_states()) == (0, 0)


def test_nothing_leaves_the_outbox_while_the_endpoint_is_unavailable(ledger: Ledger) -> None:
    ledger.finish("o-1", header(), RUN)
    endpoint = Endpoint(*[Unavailable("HTTP 503")] * 5)
    exporting, stop = exporter(ledger, endpoint), Pauses(most=3)
    assert exporting.drain_once(stop, 1)
    assert (ledger.waiting(), ledger.delivered_ms("o-1")) == (1, float("inf"))
    assert exporting.tally.retries == 3
    drain(exporting)
    assert endpoint.ids[-1] == ids("o-1", *WHOLE)
    assert ledger.waiting() == 0


def test_a_stop_amid_a_batch_acknowledges_what_has_arrived(ledger: Ledger) -> None:
    ledger.finish("o-1", header(), RUN)
    ledger.finish("o-2", header(), RUN)
    rule: list[Answer] = [Refused(413, "too large"), Delivered(), Unavailable("HTTP 503")]
    exporting = exporter(ledger, Endpoint(*rule))
    exporting.drain_once(Pauses(most=1), 1)
    assert (ledger.delivered_ms("o-1"), ledger.delivered_ms("o-2")) == (NOW_MS, float("inf"))
    again = Endpoint()
    drain(exporter(ledger, again))
    assert again.ids == [ids("o-2", *WHOLE)]


def test_an_entry_whose_runs_go_in_several_requests_repeats_none_after_a_crash(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MOST_SPANS", 4)
    names = [f"o-{number}" for number in range(4)]
    for name in names:
        ledger.write(name, header(), RUN)
    ledger.put(*[OutboxItem(name, 1, 4, True) for name in names])
    first, second = Endpoint(Delivered(), Delivered(), Unavailable("HTTP 503")), Endpoint()
    exporter(ledger, first).drain_once(Pauses(most=1), 1)
    assert (ledger.waiting(), ledger.trace_states()) == (1, 2)
    drain(exporter(ledger, second))
    assert first.ids[:2] + second.ids == [ids(name, *WHOLE) for name in names]
    assert (ledger.waiting(), ledger.trace_states()) == (0, 0)


def test_an_entry_without_items_is_acknowledged(ledger: Ledger) -> None:
    ledger.put()
    exporting = exporter(ledger, Endpoint())
    drain(exporting)
    drain(exporting)
    assert ledger.waiting() == 0


def test_a_large_backlog_goes_in_bounded_requests_each_run_whole(ledger: Ledger) -> None:
    for number in range(0, 900, 3):
        for offset in range(3):
            ledger.write(f"o-{number + offset}", header(), RUN, partition=offset)
            ledger.put(OutboxItem(f"o-{number + offset}", 1, 4, True), partition=offset)
    endpoint = Endpoint()
    drain(exporter(ledger, endpoint))
    assert ledger.waiting() == 0
    sent = [one for request in endpoint.ids for one in request]
    assert sorted(sent) == sorted(one for number in range(900) for one in ids(f"o-{number}", *WHOLE))
    assert all(len(request) <= export.MOST_SPANS for request in endpoint.requests)
    traces = [{span[2:18] for span in request} for request in endpoint.requests]
    assert sum(map(len, traces)) == 900


def test_run_drains_until_it_is_stopped_and_finishes_the_request_in_hand(ledger: Ledger, deliver: Deliver) -> None:
    entered, go_on = threading.Event(), threading.Event()

    class Slow(Receiver):
        """Answers when it is told to."""

        def answer(self, request: ExportRequest) -> HTTPAnswer:
            """Wait."""
            entered.set()
            go_on.wait(10)
            return super().answer(request)

    ledger.finish("o-1", header(), RUN)
    stop = threading.Event()
    with Slow() as receiver:
        thread = threading.Thread(target=exporter(ledger, deliver(receiver.endpoint)).run, args=(stop,))
        thread.start()
        assert entered.wait(10)
        stop.set()
        go_on.set()
        thread.join(10)
        assert not thread.is_alive()
        assert [span.name for span in receiver.spans] == NAMES
    assert ledger.waiting() == 0


def test_the_same_journal_gives_the_same_bytes_in_every_process(ledger: Ledger) -> None:
    sent: list[list[bytes]] = []
    records: list[Record] = [record("placed", "+a", at=0, data={"amount": 1.5, "region": ["EU", "US"]}), *RUN[1:]]
    for _ in range(2):
        endpoint = Endpoint()
        ledger.finish("o-1", header(attributes=("amount", "region")), records)
        drain(exporter(ledger, endpoint))
        sent += endpoint.requests
        ledger.client.delete(ledger.keys.of(0).journal("o-1", 1))
    assert sent[0] == sent[1]
