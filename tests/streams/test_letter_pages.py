"""Pages of dead letters: the newest first, each once, whatever comes meanwhile."""

import random

import pytest

from streams.errors import CursorError
from streams.letter_pages import MOST_LOOKED_AT, find_letters
from tests.streams.site import PARTITIONS, Site
from tests.support.seeds import SEED


def put(site: Site, partition: int, entry_id: str, reason: str = "malformed") -> str:
    """A dead letter with this id."""
    site.client.call(
        "XADD", site.keys.of(partition).dead, entry_id, "reason", reason, "detail", "wrong", "entry", b"\x90"
    )
    return f"{partition}.{entry_id}"


def walk(site: Site, limit: int, reason: str | None = None) -> list[str]:
    """The ids of all pages."""
    ids: list[str] = []
    cursor: str | None = None
    while True:
        page = find_letters(site.client, site.keys, PARTITIONS, reason=reason, limit=limit, cursor=cursor)
        assert len(page.letters) <= limit
        ids += [letter.id for letter in page.letters]
        if page.next is None:
            return ids
        cursor = page.next


def test_every_letter_is_on_one_page_the_newest_first(site: Site) -> None:
    chance = random.Random(SEED)
    ids = [
        put(site, partition, f"{ms}-{number}")
        for partition in range(PARTITIONS)
        for ms in sorted(chance.sample(range(1, 30), 12))
        for number in range(chance.randint(1, 3))
    ]

    def order(letter_id: str) -> tuple[int, int, int]:
        partition, _, place = letter_id.partition(".")
        ms, _, number = place.partition("-")
        return -int(ms), -int(partition), -int(number)

    for limit in (1, 7, 1_000):
        assert walk(site, limit) == sorted(ids, key=order)


def test_what_comes_meanwhile_moves_nothing(site: Site) -> None:
    first, second, third = (put(site, 1, f"{ms}-0") for ms in (10, 20, 30))
    page = find_letters(site.client, site.keys, PARTITIONS, limit=2)
    assert [letter.id for letter in page.letters] == [third, second]
    put(site, 2, "40-0")
    site.client.call("XDEL", site.keys.of(1).dead, "20-0")
    rest = find_letters(site.client, site.keys, PARTITIONS, limit=2, cursor=page.next)
    assert ([letter.id for letter in rest.letters], rest.next) == ([first], None)


def test_a_page_looks_at_so_many_letters_and_no_more(site: Site) -> None:
    wanted = put(site, 0, "1-0", "early")
    for number in range(MOST_LOOKED_AT):
        put(site, 1, f"2-{number}")
    page = find_letters(site.client, site.keys, PARTITIONS, reason="early", limit=10)
    assert page.letters == []
    assert page.next is not None
    assert walk(site, 10, "early") == [wanted]


@pytest.mark.parametrize("cursor", ["", "1", "1.2", "1.0-0", "1.99999999999999999999-0", "1.٢-0", "a.b-c", "-1.5-0"])
def test_a_cursor_that_no_page_gave_is_refused(site: Site, cursor: str) -> None:
    with pytest.raises(CursorError):
        find_letters(site.client, site.keys, PARTITIONS, limit=1, cursor=cursor)
