"""The export of families where something breaks: nothing is lost, no child is forgotten, the others go on."""

import itertools
import logging
from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest

from machines.journal import encode_entry
from spans.answer import Refused
from spans.rebuilding import read_part, tell_again
from streams.keys import partition_of
from streams.outbox import Outbox, OutboxItem
from tests.spans.export_runs import NOW_MS, Endpoint, drain, exporter
from tests.spans.family_journals import NAMESPACE, Kin, fan_out, place_in, told_end
from tests.spans.family_ledger import LIMITS, encoded, fresh, journal_key, marks, put, whole, write
from tests.spans.ledger import PARTITIONS, Ledger
from tests.spans.pauses import Pauses
from tests.streams.interruption import Countdown, CrashError, Interrupted


@pytest.mark.parametrize("when", ["before", "after"])
def test_after_a_crash_anywhere_the_same_ids_come_again_and_every_child_is_marked(ledger: Ledger, when: str) -> None:
    family = fan_out(4)
    doubled = 0
    for number in itertools.count():
        ledger = fresh(ledger)
        write(ledger, family)
        put(ledger, family, 8)
        put(ledger, family)
        hook, endpoint = Countdown(number, CrashError), Endpoint()
        client = Interrupted(ledger.client, **{when: hook})
        try:
            drain(exporter(ledger, endpoint, outbox=Outbox(client, ledger.keys, PARTITIONS)))
        except CrashError:
            unmarked = {kin.name for kin in family.everyone if kin.name not in _marked(ledger, family)}
            if not ledger.waiting():
                assert not unmarked, "the parent was acknowledged before its children were marked"
            drain(exporter(ledger, endpoint))
        arrived = Counter(span for request in endpoint.requests for span in request)
        assert set(arrived) == set(whole(family)), f"crash {when} call {number}"
        assert max(arrived.values()) <= 2
        assert (marks(ledger, family), ledger.waiting(), ledger.trace_states()) == ({NOW_MS}, 0, 0)
        doubled += max(arrived.values()) == 2
        if hook.calls <= number:
            break
    assert number > 5
    assert doubled


def _marked(ledger: Ledger, family: Kin) -> set[str]:
    return {
        kin.name
        for kin in family.everyone
        if ledger.delivered_ms(kin.name, partition=partition_of(kin.name, PARTITIONS)) == NOW_MS
    }


def test_a_successor_sends_what_is_left_of_a_request_that_was_accepted_in_part(ledger: Ledger) -> None:
    family = fan_out(6)
    write(ledger, family)
    put(ledger, family)
    stop = Pauses()

    class Half(Endpoint):
        def send(self, spans: Sequence[bytes]) -> object:  # type: ignore[override]  # an answer, as of an endpoint
            if len(spans) > 7:
                return Refused(413, "too large")
            stop.set()
            return super().send(spans)

    first, second = Half(), Endpoint()
    exporter(ledger, first).drain_once(stop, 1)  # type: ignore[arg-type]  # it answers as endpoints do
    assert [len(request) for request in first.requests] == [7]
    assert marks(ledger, family) == {float("inf")}
    (state,) = ledger.outbox.states([(partition_of(family.name, PARTITIONS), OutboxItem(family.name, 1, 0, True))])
    part = read_part(state or b"")
    assert part is not None
    again = tell_again(NAMESPACE, family.name, family.head, family.records, LIMITS, part)
    assert (part.spans, list(again)) == (7, []), "of the parent itself nothing was sent yet"
    drain(exporter(ledger, second))
    assert Counter(span for request in first.requests + second.requests for span in request) == whole(family)
    assert marks(ledger, family) == {NOW_MS}


def test_a_child_whose_journal_cannot_be_read_is_set_aside_and_the_others_go_on(ledger: Ledger) -> None:
    family = fan_out(6)
    write(ledger, family)
    gone, rubbish, typed, short = family.children[:4]
    for kin in (gone, typed):
        ledger.client.call("DEL", journal_key(ledger, kin))
    ledger.client.call("SET", journal_key(ledger, typed), "not a list")
    ledger.client.call("LSET", journal_key(ledger, rubbish), 1, b"\xc1")
    ledger.client.call("LTRIM", journal_key(ledger, short), 0, 1)
    put(ledger, family)
    endpoint = Endpoint()
    exporting = exporter(ledger, endpoint)
    drain(exporting)
    kept = [family, *family.children[4:]]
    assert Counter(span for request in endpoint.requests for span in request) == Counter(
        span for kin in kept for span in encoded(kin)
    )
    notes = {
        note[b"workflow"].decode(): note[b"reason"].decode()
        for number in range(PARTITIONS)
        for note in ledger.refused(number)
    }
    assert set(notes) == {gone.name, rubbish.name, typed.name, short.name}
    assert notes[gone.name] == "its journal is gone"
    assert notes[short.name] == "its journal does not end"
    assert exporting.tally.unreadable == 4
    assert (marks(ledger, family), ledger.waiting()) == ({NOW_MS}, 0)


def test_a_family_with_a_child_of_a_newer_version_is_left_to_that(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    family = fan_out(3)
    write(ledger, family)
    head = msgspec.msgpack.encode([99, {"quite": "different"}])
    ledger.client.call("LSET", journal_key(ledger, family.children[1]), 0, head)
    put(ledger, family, 6)
    put(ledger, family, 7)
    put(ledger, family)
    endpoint = Endpoint()
    with caplog.at_level(logging.WARNING):
        drain(exporter(ledger, endpoint))
    assert endpoint.requests == [encoded(family.children[0])]
    assert ledger.waiting() == 2
    assert len([one for one in caplog.records if "newer version of Longspan" in one.getMessage()]) == 1
    ledger.client.call("LSET", journal_key(ledger, family.children[1]), 0, encode_entry(family.children[1].head))
    drain(exporter(ledger, endpoint))
    assert Counter(span for request in endpoint.requests for span in request) == whole(family)


def test_a_child_that_carries_its_own_parent_ends_nowhere(ledger: Ledger) -> None:
    family = fan_out(1)
    (child,) = family.children
    place = place_in(family.name, family.head, family.records[:1])
    child.records.insert(1, told_end(family, place_in(child.name, child.head, child.records[:1]), carried=True))
    family.records[2] = told_end(child, place, carried=True)
    write(ledger, family)
    put(ledger, family)
    endpoint = Endpoint()
    drain(exporter(ledger, endpoint))
    (request,) = endpoint.requests
    assert len(request) == len(set(request)) == 4
