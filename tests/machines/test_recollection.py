"""Remembering events: the last 1,000 exactly, in bounded space, across runs and reloads."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machines.recollection import (
    DIGEST_BYTES,
    PAGE_BYTES,
    PAGES,
    PORTION_BYTES,
    Pages,
    contains,
    digest,
    remember,
)
from machines.snapshot import encode_snapshot
from tests.support.folding import DOOR, Folding, make_event, make_machine

EVENTS = 1_000


@pytest.mark.parametrize("stored", [False, True], ids=["in memory", "stored"])
def test_the_last_thousand_events_are_known_whatever_became_of_them(stored: bool) -> None:
    folding = Folding(make_machine(DOOR), stored=stored)
    folding.send("com.x.built")
    types = ["open", "close", "close", "nonsense"]
    sent = [make_event(f"com.x.{types[number % 4]}", at=number) for number in range(1, 3 * EVENTS)]
    results = [folding.receive(event) for event in sent]
    assert set(results) == {"applied", "rejected"}
    entries = folding.snapshot.entries
    assert {folding.receive(event) for event in sent[-EVENTS:]} == {"duplicate"}
    assert folding.snapshot.entries == entries


def test_what_is_remembered_is_bounded() -> None:
    folding = Folding(make_machine(DOOR), stored=True)
    folding.send("com.x.built")
    for number in range(3 * EVENTS):
        folding.send("com.x.nonsense", at=number)
    assert len(folding.snapshot.seen) < 2 * PORTION_BYTES
    assert len(folding.workflow.pages) == folding.snapshot.pages == PAGES
    assert {len(page) for page in list(folding.workflow.pages)[:-1]} == {PAGE_BYTES}
    assert len(encode_snapshot(folding.snapshot)) < 2 * PORTION_BYTES + 500


def test_events_of_former_runs_are_remembered() -> None:
    folding = Folding(make_machine(DOOR))
    first = [folding.send("com.x.built"), folding.send("com.x.tear_down", at=1), folding.send("com.x.open", at=2)]
    assert first == ["applied", "applied", "late"]
    folding.send("com.x.built", at=3)
    again = [folding.send("com.x.built"), folding.send("com.x.tear_down", at=1), folding.send("com.x.open", at=2)]
    assert again == ["duplicate"] * 3


def test_an_event_is_named_by_source_and_id_alone() -> None:
    folding = Folding(make_machine(DOOR))
    folding.send("com.x.built", id="1", source="/a")
    assert folding.send("com.x.open", at=1, id="1", source="/a") == "duplicate"
    assert folding.send("com.x.open", at=1, id="1", source="/b") == "applied"
    assert folding.send("com.x.close", at=2, id="1") == "applied"


def test_a_dead_letter_may_be_sent_again() -> None:
    folding = Folding(make_machine(DOOR), make_machine(DOOR.replace("machine: door", "machine: gate")))
    assert folding.send("com.x.built") == "dead"
    folding.load(make_machine(DOOR))
    assert folding.send("com.x.built") == "applied"


@given(st.lists(st.tuples(st.text(), st.text()), unique=True, min_size=2, max_size=20))
def test_different_events_have_different_digests(names: list[tuple[str, str]]) -> None:
    digests = sorted(digest(make_event("t", source=source, id=name or "x")) for source, name in names if name)
    assert all(one != other for one, other in pairwise(digests))
    assert {len(mark) for mark in digests} <= {DIGEST_BYTES}


_MARKS = st.lists(st.lists(st.sampled_from(b"\x00\x01"), min_size=DIGEST_BYTES, max_size=DIGEST_BYTES).map(bytes))


@given(_MARKS, _MARKS, st.integers(0, 60))
def test_only_whole_digests_are_found(seen: list[bytes], page: list[bytes], place: int) -> None:
    stored = b"".join(seen + page)
    wanted = stored[place : place + DIGEST_BYTES].ljust(DIGEST_BYTES, b"\x00")
    assert contains(b"".join(seen), [b"".join(page)], wanted) == (wanted in seen + page)


def test_a_digest_is_found_behind_one_that_only_looks_like_it() -> None:
    half, wanted = DIGEST_BYTES // 2, b"\x00" * DIGEST_BYTES
    lookalike = b"\x01" * half + wanted + b"\x01" * half
    assert not contains(lookalike, [lookalike], wanted)
    assert contains(lookalike + wanted, [], wanted)
    assert contains(b"", [lookalike, lookalike + wanted], wanted)


def test_full_pages_are_put_aside_in_order() -> None:
    marks = [number.to_bytes(DIGEST_BYTES, "big") for number in range(400)]
    seen, pages = b"", []
    for mark in marks:
        seen, page = remember(seen, mark)
        pages += [page] if page is not None else []
    assert b"".join(pages) + seen == b"".join(marks)
    assert {len(page) for page in pages} == {PORTION_BYTES}


class Asked(Pages):
    """Pages whose digests have their marks, since somebody has asked for one."""

    def __init__(self, pages: Iterable[bytes] = ()) -> None:
        super().__init__(pages)
        assert not self.knows(b"", b"\xfe" * DIGEST_BYTES)


# Of few digests, so that some are on several pages, and of few bytes, so that they are found in other places as well.
_FEW = st.lists(st.sampled_from(b"\x00\xff"), min_size=DIGEST_BYTES, max_size=DIGEST_BYTES).map(bytes)
_PORTION = PORTION_BYTES // DIGEST_BYTES


@pytest.mark.parametrize("kind", [Pages, Asked])
@given(st.lists(st.lists(_FEW, min_size=1, max_size=4), min_size=1, max_size=200), _FEW, st.integers(0, 200))
def test_pages_hold_what_was_put_aside_last_and_nothing_else(
    kind: type[Pages], drawn: list[list[bytes]], wanted: bytes, stored: int
) -> None:
    portions = [b"".join((few * _PORTION)[:_PORTION]) for few in drawn]
    made = Pages()
    for portion in portions[:stored]:
        made.put(portion)
    pages = kind(made)
    for portion in portions[stored:]:
        pages.put(portion)
        made.put(portion)
        assert pages == made
        assert pages.knows(b"", wanted) == any(
            page[at : at + DIGEST_BYTES] == wanted for page in pages for at in range(0, len(page), DIGEST_BYTES)
        )
    assert b"".join(portions).endswith(b"".join(pages))


@pytest.mark.parametrize("kind", [Pages, Asked])
def test_pages_let_go_of_the_oldest_page_as_a_whole(kind: type[Pages]) -> None:
    marks = [number.to_bytes(DIGEST_BYTES, "big") for number in range(188 * _PORTION)]
    pages = kind([b"\xff" * PAGE_BYTES])
    for begin in range(0, len(marks), _PORTION):
        assert not pages.knows(b"", marks[begin])
        pages.put(b"".join(marks[begin : begin + _PORTION]))
        held = b"".join(page for page in pages if page[:1] != b"\xff")
        oldest = begin + _PORTION - len(held) // DIGEST_BYTES
        assert not oldest or (PAGES - 1) * PAGE_BYTES < len(held) <= PAGES * PAGE_BYTES
        assert pages.knows(b"", marks[oldest])
        assert pages.knows(b"", marks[begin + _PORTION - 1])
        assert not oldest or not pages.knows(b"", marks[oldest - 1])
    assert pages.weight <= PAGES * PAGE_BYTES // DIGEST_BYTES * (DIGEST_BYTES + 2)


def test_pages_that_an_earlier_version_has_filled_are_read_and_grow_on() -> None:
    """Version 0.4: full pages only, and up to 127 digests in the snapshot."""
    marks = [number.to_bytes(DIGEST_BYTES, "little") for number in range(2_000)]
    full = PAGE_BYTES // DIGEST_BYTES
    pages = Pages(b"".join(marks[begin : begin + full]) for begin in range(0, 16 * full, full))
    seen = b"".join(marks[16 * full : 18 * full - 1])
    for last, mark in enumerate(marks[18 * full - 1 :], 18 * full - 1):
        seen, portion = remember(seen, mark)
        if portion is not None:
            pages.put(portion)
        assert all(contains(seen, pages, one) for one in (mark, marks[last - 999], marks[last - 500]))
    assert len(seen) < 2 * PORTION_BYTES
