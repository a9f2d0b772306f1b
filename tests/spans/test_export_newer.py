"""What a newer version of Longspan wrote: the export leaves it in the outbox, sends the rest, and says so once."""

import logging
from collections.abc import Callable

import msgspec
import pytest

from streams.outbox import OutboxItem
from tests.spans.export_runs import RUN, WHOLE, Endpoint, drain, exporter, ids
from tests.spans.journals import header
from tests.spans.ledger import Ledger


def newer_journal(ledger: Ledger) -> None:
    ledger.finish("newer", header(), RUN)
    head = [99, {"quite": "different"}]
    ledger.client.call("LSET", ledger.keys.of(0).journal("newer", 1), 0, msgspec.msgpack.encode(head))


def newer_trace_state(ledger: Ledger) -> None:
    ledger.finish("newer", header(), RUN)
    ledger.client.call("SET", ledger.keys.of(0).trace("newer", 1), b"\x63 from the future")


def newer_entry(ledger: Ledger) -> None:
    ledger.write("newer", header(), RUN)
    ledger.client.call("XADD", ledger.keys.of(0).outbox, "*", "b2", b"from the future")


@pytest.mark.parametrize("write", [newer_journal, newer_trace_state, newer_entry])
def test_it_is_left_and_the_others_are_sent(
    ledger: Ledger, caplog: pytest.LogCaptureFixture, write: Callable[[Ledger], None]
) -> None:
    write(ledger)
    before = {name: ledger.client.call("DUMP", name) for name in ledger.client.scan_iter(match="*newer*")}
    ledger.finish("o-1", header(), RUN)
    endpoint = Endpoint()
    exporting = exporter(ledger, endpoint)
    with caplog.at_level(logging.WARNING):
        drain(exporting)
        drain(exporting)
    assert endpoint.ids == [ids("o-1", *WHOLE)]
    assert (ledger.waiting(), ledger.refused(), exporting.tally.unreadable) == (1, [], 0)
    assert {name: ledger.client.call("DUMP", name) for name in before} == before
    assert len([one for one in caplog.records if "newer version of Longspan" in one.getMessage()]) == 1


def test_of_an_entry_with_several_runs_only_the_newer_one_is_left(ledger: Ledger) -> None:
    newer_trace_state(ledger)
    (entry,) = ledger.client.call("XRANGE", ledger.keys.of(0).outbox, "-", "+")
    ledger.client.call("XDEL", ledger.keys.of(0).outbox, entry[0])
    ledger.write("o-1", header(), RUN)
    ledger.put(OutboxItem("newer", 1, 4, True), OutboxItem("o-1", 1, 4, True))
    endpoint = Endpoint()
    drain(exporter(ledger, endpoint))
    drain(exporter(ledger, endpoint))
    assert endpoint.ids == [ids("o-1", *WHOLE)], "sent once: its trace state stands in for the entry"
    assert ledger.waiting() == 1
    ledger.client.delete(ledger.keys.of(0).trace("newer", 1))
    drain(exporter(ledger, endpoint))
    assert endpoint.ids[1:] == [ids("newer", *WHOLE)]
    assert (ledger.waiting(), ledger.trace_states()) == (0, 0)
