"""Dead letters: listed in order, shown as they came, sent again under their old ids, or dropped."""

import pytest

from machines.events import encode_event
from streams.deadletters import (
    Redriven,
    count_dead_letters,
    drop,
    get_dead_letter,
    list_dead_letters,
    redrive,
    redrive_all,
)
from streams.errors import DeadLetterError, KeyTypeError
from tests.streams.site import PARTITIONS, Site

UNREADABLE = b"\x01 from a damaged disk"


def bury(site: Site, *names: str, **attributes: str) -> list[dict[bytes, bytes]]:
    """Events of workflow w, each of which becomes a dead letter, since the snapshot cannot be read."""
    site.client.call("SET", site.of("w").workflow("w"), UNREADABLE)
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
    site.client.call("XADD", site.of("w").dead, "*", "some", "thing")
    *letters, odd = site.letters()
    assert len(letters) == 1_201
    seen: list[int] = []
    assert redrive_all(site.client, site.keys, PARTITIONS, seen=seen.append) == Redriven(1_201, 1)
    assert sum(seen) == 1_202
    assert site.letters() == [odd]
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


def test_those_that_come_back_while_all_are_redriven_are_not_sent_again(site: Site) -> None:
    for number in range(250):
        site.emit({b"odd": b"%d" % number})
    site.route()
    passes: list[int] = []

    def come_back(count: int) -> None:
        passes.append(count)
        if len(passes) % 50 == 0:
            site.route()

    assert redrive_all(site.client, site.keys, PARTITIONS, "malformed", come_back) == Redriven(250, 0)
    site.route()
    assert len(passes) == 250
    assert sorted(int(letter.entry[b"odd"]) for letter in site.letters() if letter.entry) == list(range(250))


def test_where_redis_takes_nothing_a_page_is_kept_whole(site: Site) -> None:
    bury(site, "started", "paused", "resumed")
    letters = site.letters()
    site.client.call("SET", site.keys.events, "x")
    with pytest.raises(KeyTypeError, match="holds a string, not a stream"):
        redrive_all(site.client, site.keys, PARTITIONS)
    assert site.letters() == letters


def test_an_entry_with_more_fields_than_a_script_can_pass_on_is_sent_in_its_turn(site: Site) -> None:
    many = {b"f%d" % number: b"" for number in range(4_100)}
    site.emit({b"odd": b"1"}, many, {b"odd": b"2"})
    site.route()
    site.client.delete(site.keys.events)
    letters = [
        letter
        for name in (b"1", b"", b"2")
        for letter in site.letters()
        if (letter.entry or {}).get(b"odd", b"") == name
    ]
    assert redrive(site.client, site.keys, letters) == 3
    sent = [
        dict(zip(flat[::2], flat[1::2], strict=True))
        for _, flat in site.client.call("XRANGE", site.keys.events, "-", "+")
    ]
    assert sent == [{b"odd": b"1"}, many, {b"odd": b"2"}]


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
