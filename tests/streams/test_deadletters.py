"""Dead letters: listed in order, shown as they came, sent again under their old ids, or dropped."""

import pytest

from machines.events import encode_event
from streams.deadletters import count_dead_letters, drop, get_dead_letter, list_dead_letters, redrive
from streams.errors import DeadLetterError
from tests.streams.site import JOB, PARTITIONS, Site

NEWER = b"\xfe from the future"


def bury(site: Site, *names: str, **attributes: str) -> list[dict[bytes, bytes]]:
    """Events of workflow w, each of which becomes a dead letter, since the snapshot cannot be read."""
    site.client.call("SET", site.of("w").workflow("w"), NEWER)
    entries = [site.event("w", name, **attributes) for name in names]
    site.emit(*entries)
    worker = site.worker()
    site.settle(worker)
    site.end_leases()
    site.client.delete(site.of("w").workflow("w"))
    return entries


def test_they_are_listed_oldest_first_and_by_reason(site: Site) -> None:
    entries = bury(site, "started", *["paused", "resumed"] * 10)
    site.emit({b"odd": b"\xff"})
    site.route()
    letters = site.letters()
    assert [letter.event.id for letter in letters if letter.event] == [entry[b"id"].decode() for entry in entries]
    assert letters[-1].reason == "malformed"
    assert count_dead_letters(site.client, site.keys, PARTITIONS) == 22
    chosen = list_dead_letters(site.client, site.keys, PARTITIONS, reason="malformed")
    assert [letter.entry for letter in chosen] == [{b"odd": b"\xff"}]
    assert list_dead_letters(site.client, site.keys, PARTITIONS, reason="nothing") == []
    assert list_dead_letters(site.client, site.keys, PARTITIONS, limit=3) == letters[:3]
    assert get_dead_letter(site.client, site.keys, letters[4].id) == letters[4]


def test_more_than_ten_of_one_millisecond_keep_their_order(site: Site) -> None:
    for number in range(12):
        site.client.call("XADD", site.keys.of(1).dead, f"5-{number}", "reason", f"{number}", "entry", b"\x92\xa1a\xa1b")
    assert [letter.reason for letter in site.letters()] == [str(number) for number in range(12)]


def test_more_than_a_page_are_all_listed_and_all_sent(valkey_site: Site) -> None:
    site = valkey_site
    bury(site, "started", *["paused", "resumed"] * 600)
    letters = site.letters()
    assert len(letters) == 1_201
    assert redrive(site.client, site.keys, letters) == 1_201
    assert site.letters() == []
    site.settle(site.worker())
    assert [record.event.id for record in site.records("w")] == [letter.event.id for letter in letters if letter.event]


def test_a_redrive_keeps_order_and_everything_that_was_in_the_event(site: Site) -> None:
    attributes = {"data": '{"label": "ä"}', "source": "/s", "traceparent": "00-x", "extra": "kept", "machine": "job"}
    bury(site, "started", "paused", "resumed", "finished", **attributes)
    letters = site.letters()
    redrive(site.client, site.keys, letters)
    site.settle(site.worker())
    assert site.status("w") == "ok"
    for letter, record in zip(letters, site.records("w"), strict=True):
        assert letter.event
        assert record.event.position != letter.event.position
        assert encode_event(record.event).replace(record.event.position.encode(), b"") == encode_event(
            letter.event
        ).replace(letter.event.position.encode(), b"")


def test_a_redrive_that_died_half_way_can_be_repeated(site: Site) -> None:
    bury(site, "started", "paused", "resumed")
    letters = site.letters()
    redrive(site.client, site.keys, letters)
    redrive(site.client, site.keys, letters)
    worker = site.worker()
    site.settle(worker)
    assert len(site.records("w")) == 3
    assert worker.results == {"applied": 3, "duplicate": 3}


def test_a_malformed_entry_is_sent_as_it_came_and_comes_back(site: Site) -> None:
    fields = {b"odd": b"\xff", b"id": b"e"}
    site.emit(fields)
    site.route()
    (first,) = site.letters()
    assert redrive(site.client, site.keys, [first]) == 1
    assert site.letters() == []
    site.route()
    (second,) = site.letters()
    assert (second.entry, second.field) == (fields, first.field)
    assert second.position != first.position


def test_what_is_dropped_is_gone_and_counts_once(site: Site) -> None:
    bury(site, "started", "paused")
    first, second = site.letters()
    assert drop(site.client, site.keys, [first]) == 1
    assert drop(site.client, site.keys, [first]) == 0
    assert site.letters() == [second]
    with pytest.raises(DeadLetterError, match="there is no dead letter"):
        get_dead_letter(site.client, site.keys, first.id)


def test_a_parked_event_is_listed_and_neither_sent_nor_dropped(site: Site) -> None:
    worker = site.worker()
    site.emit(site.event("w", "begun", machine="absent"), site.event("v", "paused"))
    site.settle(worker)
    (letter,) = site.letters()
    assert letter.parked
    assert letter.reason == "machine-not-loaded"
    assert "no machine absent is loaded" in letter.detail
    before = site.keyspace()
    assert redrive(site.client, site.keys, [letter]) == 0
    assert drop(site.client, site.keys, [letter]) == 0
    assert site.keyspace() == before
    assert list_dead_letters(site.client, site.keys, PARTITIONS, reason="early") == []


@pytest.mark.parametrize("rubbish", [("some", "thing"), ("event", b"\x91"), ("entry", b"\xc1"), ("entry", b"\x90")])
def test_what_nobody_of_ours_put_there_can_be_shown_and_dropped_but_not_sent(
    site: Site, rubbish: tuple[str, str | bytes]
) -> None:
    bury(site, "started")
    site.client.call("XADD", site.of("w").dead, "*", *rubbish)
    sound, odd = site.letters()
    assert (odd.event, odd.entry or None) == (None, None)
    before = site.keyspace()
    with pytest.raises(DeadLetterError, match="holds no event that could be sent: drop it"):
        redrive(site.client, site.keys, [sound, odd])
    assert site.keyspace() == before
    assert drop(site.client, site.keys, [odd]) == 1


@pytest.mark.parametrize(
    "letter_id",
    ["", "1", "1.", "1.5", "1.5-", "x.5-1", "1.5-x", "²³.5-1", "1.99999999999999999999999-0", "1.parked-w-0"],
)
def test_what_is_no_id_is_said_to_be_none(site: Site, letter_id: str) -> None:
    with pytest.raises(DeadLetterError, match="is no id of a dead letter"):
        get_dead_letter(site.client, site.keys, letter_id)


def test_waiting_lists_that_cannot_be_read_hide_nothing_else(site: Site) -> None:
    worker = site.worker(catalog=site.load(JOB))
    for subject in ("1", "2", "3"):
        site.emit(site.event(subject, "begun", machine="absent"))
    site.settle(worker)
    site.client.call("SET", site.of("1").waiting("1"), "x")
    site.client.call("LSET", site.of("2").waiting("2"), 0, "x")
    assert [letter.event.subject for letter in site.letters() if letter.event] == ["3"]
