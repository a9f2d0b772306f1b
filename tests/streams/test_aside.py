"""What was set aside: read in order over pages, and named so that it is found again."""

import pytest

from longspan.refusals import list_refusals
from streams.aside import PAGE, count_aside, parse_place, read_aside
from streams.deadletters import list_dead_letters
from tests.streams.site import Site


def test_entries_are_read_oldest_first_over_any_number_of_pages(valkey_site: Site) -> None:
    key = valkey_site.keys.of(0).refused
    valkey_site.client.call_all(["XADD", key, f"7-{number}", "reason", "x"] for number in range(PAGE + 3))
    ids = [entry_id for entry_id, _ in read_aside(valkey_site.client, key)]
    assert ids == [b"7-%d" % number for number in range(PAGE + 3)]
    assert count_aside(valkey_site.client, [key, valkey_site.keys.of(1).refused]) == PAGE + 3


def test_refusals_of_one_millisecond_keep_their_order(valkey_site: Site) -> None:
    key = valkey_site.keys.of(0).refused
    valkey_site.client.call_all(["XADD", key, f"7-{number}", "reason", "x"] for number in range(12))
    listed = list_refusals(valkey_site.client, valkey_site.keys, 1)
    assert [refusal["id"] for refusal in listed] == [f"0.7-{number}" for number in range(12)]


@pytest.mark.parametrize("rubbish", [b"\xa2\xff\xfe", b"\x93\x9d\xa2\xff\xfe", b"\xc1"])
def test_a_waiting_list_with_rubbish_does_not_spoil_the_listing(valkey_site: Site, rubbish: bytes) -> None:
    owned = valkey_site.keys.of(0)
    valkey_site.client.call_all([("ZADD", owned.parked, 0, b"w"), ("RPUSH", owned.waiting("w"), rubbish)])
    assert list_dead_letters(valkey_site.client, valkey_site.keys, 1) == []


@pytest.mark.parametrize(
    "text", ["", "3", "3.", "3.7", "a.7-0", "3.7-", "3.-0", "3.7-x", "²" + ".7-0", "3.7-" + "9" * 21]
)
def test_a_text_that_names_no_entry_is_told_apart(text: str) -> None:
    assert parse_place(text) is None


def test_a_name_leads_to_partition_and_entry() -> None:
    assert parse_place("3.1763827200000-0") == (3, "1763827200000-0")
