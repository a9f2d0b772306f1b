"""The outbox: kept until it is acknowledged, and then gone together with what the acknowledgement says."""

import logging

import pytest

from streams.errors import KeyTypeError
from streams.outbox import Acknowledgement, Outbox, OutboxItem, encode_items
from tests.streams.site import PARTITIONS, START_MS, Site

DONE = OutboxItem("w:{1}", 1, 3, True)


@pytest.fixture
def outbox(site: Site) -> Outbox:
    """With one run that has ended, in partition 2."""
    keys = site.keys.of(2)
    site.client.call("XADD", keys.outbox, "1-0", "b", encode_items([DONE]))
    site.client.call("RPUSH", keys.journal(DONE.workflow_id, 1), "header", "one", "two", "later")
    site.client.call("ZADD", keys.ended, 9e15, b"1:w:{1}")
    return Outbox(site.client, site.keys, PARTITIONS)


def test_entries_are_read_behind_a_position(outbox: Outbox) -> None:
    (entry,) = outbox.read({2: b"0-0", 1: b"0-0"}, 10, 0)
    assert (entry.partition, entry.entry_id, entry.items) == (2, b"1-0", [DONE])
    assert outbox.read({2: b"1-0"}, 10, 0) == []
    assert outbox.read({}, 10, 0) == []


def test_a_journal_comes_up_to_what_is_to_be_exported_and_always_with_its_header(outbox: Outbox) -> None:
    gone = OutboxItem("gone", 1, 3, True)
    wanted = [(2, DONE, 1), (2, DONE, 2), (2, DONE, 0), (2, gone, 1), (2, gone, 2)]
    whole = [b"header", b"one", b"two"]
    assert outbox.journals(wanted) == [whole, [b"header", b"two"], whole, [], []]


def test_an_acknowledgement_takes_the_entry_out_keeps_states_and_begins_retention(site: Site, outbox: Outbox) -> None:
    part = OutboxItem("long", 2, 9, False)
    outbox.acknowledge(2, Acknowledgement([b"1-0"], [(part, b"state"), (DONE, None)], [DONE]), START_MS)
    assert outbox.read({2: b"0-0"}, 10, 0) == []
    assert outbox.states([(2, part), (2, DONE)]) == [b"state", None]
    assert outbox.states([(1, part), (2, part)]) == [None, b"state"]
    assert outbox.states([]) == []
    assert site.client.zscore(site.keys.of(2).ended, b"1:w:{1}") == START_MS
    outbox.acknowledge(2, Acknowledgement(states=[(part, None)]), START_MS)
    assert outbox.states([(2, part)]) == [None]


def test_a_run_that_retention_has_taken_is_not_entered_again(site: Site, outbox: Outbox) -> None:
    site.client.delete(site.keys.of(2).ended)
    outbox.acknowledge(2, Acknowledgement([b"1-0"], ended=[DONE]), START_MS)
    assert not site.client.exists(site.keys.of(2).ended)


@pytest.mark.parametrize("kind", ["outbox", "ended"])
def test_a_key_of_the_wrong_type_is_named_and_nothing_is_written(site: Site, outbox: Outbox, kind: str) -> None:
    key: bytes = getattr(site.keys.of(2), kind)
    site.client.call("SET", key, "someone else's")
    before = site.keyspace()
    with pytest.raises(KeyTypeError) as error:
        outbox.acknowledge(2, Acknowledgement([b"1-0"], [(DONE, b"state")], [DONE]), START_MS)
    assert error.value.key == key
    assert site.keyspace() == before


def test_an_outbox_of_the_wrong_type_is_named_when_it_is_read(site: Site, outbox: Outbox) -> None:
    site.client.call("SET", site.keys.of(2).outbox, "someone else's")
    with pytest.raises(KeyTypeError, match="outbox holds a string, not a stream"):
        outbox.read({2: b"0-0", 1: b"0-0"}, 10, 1)


def test_an_entry_that_nobody_of_ours_wrote_is_told_and_can_be_acknowledged(
    site: Site, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    site.client.call("XADD", site.keys.of(2).outbox, "2-0", "some", "rubbish")
    with caplog.at_level(logging.ERROR):
        assert [entry.items for entry in outbox.read({2: b"0-0"}, 10, 0)] == [[DONE], []]
    assert "2-0" in caplog.text
    outbox.acknowledge(2, Acknowledgement([b"1-0", b"2-0"]), START_MS)
    assert outbox.read({2: b"0-0"}, 10, 0) == []


def test_what_was_refused_is_kept_with_the_reason(site: Site, outbox: Outbox) -> None:
    outbox.refuse(2, b"\x00span", {"status": "400", "reason": "no"})
    ((_, fields),) = site.client.call("XRANGE", site.keys.of(2).refused, "-", "+")
    assert fields == [b"status", b"400", b"reason", b"no", b"span", b"\x00span"]
