"""Remembering events: the last 1,000 exactly, in bounded space, across runs and reloads."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machines.recollection import DIGEST_BYTES, PAGE_BYTES, PAGES, contains, digest, remember
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
    assert len(folding.snapshot.seen) < 2 * PAGE_BYTES
    assert len(folding.workflow.pages) == folding.snapshot.pages == PAGES
    assert len(encode_snapshot(folding.snapshot)) < 2 * PAGE_BYTES + 500


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
    assert {len(page) for page in pages} == {PAGE_BYTES}
