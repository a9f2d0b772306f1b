"""Workflows in memory: loaded whole, told from unreadable ones, and no more of them than allowed."""

import msgspec
import pytest

from machines.changes import Held
from machines.errors import SnapshotError
from machines.events import Event
from machines.recollection import PAGE_BYTES
from machines.snapshot import Snapshot, encode_snapshot
from machines.workflow import Workflow
from streams.residence import Residence
from tests.streams.interruption import Countdown, CrashError, Interrupted
from tests.streams.site import Site

EVENT = Event("e", "", "t", "w", None, 1, None, "1-0")


def residence(site: Site, limit: int = 100, limit_bytes: int = 10_000_000) -> Residence:
    return Residence(site.client, site.keys, limit, limit_bytes)


def store(site: Site, subject: str, **fields: object) -> None:
    snapshot = Snapshot(run=1, status="running", **fields)  # type: ignore[arg-type]  # fields of a snapshot
    site.client.call("SET", site.keys.of(0).workflow(subject), encode_snapshot(snapshot))


def fetch(found: Residence, *subjects: str) -> list[Workflow | SnapshotError]:
    return [found.fetch({0: subjects})[0, subject] for subject in subjects]


def test_a_workflow_that_redis_does_not_know_is_a_new_one(site: Site) -> None:
    (workflow,) = fetch(residence(site), "w")
    assert isinstance(workflow, Workflow)
    assert workflow.snapshot == Snapshot()


def test_what_is_kept_beside_the_snapshot_comes_with_it(site: Site) -> None:
    store(site, "w", waiting=1, pages=2)
    store(site, "v", entries=3)
    held, pages = Held(EVENT, "early", 7), [b"1" * PAGE_BYTES, b"2" * PAGE_BYTES]
    site.client.call("RPUSH", site.keys.of(0).waiting("w"), msgspec.msgpack.encode(held))
    site.client.call("RPUSH", site.keys.of(0).seen("w"), *pages)
    workflow, other = fetch(residence(site), "w", "v")
    assert isinstance(workflow, Workflow)
    assert isinstance(other, Workflow)
    assert (list(workflow.held), list(workflow.pages)) == ([held], pages)
    assert (other.snapshot.entries, list(other.held)) == (3, [])


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("waiting", ("SET", b"x")),
        ("seen", ("SET", b"x")),
        ("waiting", ("RPUSH", b"\xc1")),
        ("waiting", ("RPUSH", b"\x90")),
    ],
)
def test_a_list_beside_the_snapshot_that_is_none_makes_it_unreadable(
    site: Site, kind: str, command: tuple[str, bytes]
) -> None:
    store(site, "w", waiting=1, pages=1)
    site.client.call(command[0], getattr(site.keys.of(0), kind)("w"), command[1])
    found = residence(site)
    assert isinstance(fetch(found, "w")[0], SnapshotError)
    site.client.delete(site.keys.of(0).waiting("w"), site.keys.of(0).seen("w"))
    assert isinstance(fetch(found, "w")[0], Workflow)


@pytest.mark.parametrize("stored", [b"", b"\x00", b"\xfe\x90", b"\x01", b"\x01\xc1", b"\x01\x91\x01"])
def test_a_snapshot_that_cannot_be_read_is_told_and_the_others_come(site: Site, stored: bytes) -> None:
    site.client.call("SET", site.keys.of(0).workflow("w"), stored)
    store(site, "v")
    broken, sound = fetch(residence(site), "w", "v")
    assert isinstance(broken, SnapshotError)
    assert isinstance(sound, Workflow)


def test_a_workflow_stays_the_same_object_until_it_is_forgotten(site: Site) -> None:
    found = residence(site)
    store(site, "w")
    (first,) = fetch(found, "w")
    assert fetch(found, "w") == [first]
    found.forget(1)
    assert fetch(found, "w") == [first]
    found.forget(0, ["v"])
    assert fetch(found, "w") == [first]
    found.forget(0)
    assert fetch(found, "w") != [first]


def test_what_was_used_longest_ago_goes_first(site: Site) -> None:
    found = residence(site, 2)
    first, _, third = fetch(found, "1", "2", "3")
    fetch(found, "1")
    found.trim()
    assert found.fetch({0: ["1", "3"]}) == {(0, "1"): first, (0, "3"): third}
    calls = Countdown(0, CrashError)
    watched = Residence(Interrupted(site.client, before=calls), site.keys, 2, 10_000_000)
    with pytest.raises(CrashError):
        fetch(watched, "2")


def test_what_is_in_memory_costs_no_round_trip_and_what_is_not_costs_one(site: Site) -> None:
    calls = Countdown(-1, CrashError)
    found = Residence(Interrupted(site.client, before=calls), site.keys, 10, 10_000_000)
    found.fetch({0: ["a", "b"], 1: ["c"]})
    assert calls.calls == 1
    found.fetch({0: ["b"], 1: ["c"]})
    assert calls.calls == 1


def test_what_was_used_longest_ago_goes_first_where_too_many_bytes_stay(site: Site) -> None:
    found = residence(site, limit_bytes=250_000)
    for subject in "123":
        store(site, subject, attributes={"document": "x" * 100_000})
    first, second, third = fetch(found, "1", "2", "3")
    fetch(found, "1")
    found.trim()
    kept = found.fetch({0: ["1", "3"]})
    assert (kept[0, "1"], kept[0, "3"]) == (first, third)
    assert fetch(found, "2") != [second]


def test_a_workflow_weighs_what_it_has_become(site: Site) -> None:
    found = residence(site, limit_bytes=250_000)
    small, grown = fetch(found, "small", "grown")
    assert isinstance(grown, Workflow)
    grown.snapshot.attributes = {"document": "x" * 300_000}
    found.weigh(0, {"grown": 300_020, "unknown": 1})
    found.trim()
    assert fetch(found, "small") != [small], "it was used before the one that is too large"
    found = residence(site, limit_bytes=250_000)
    (grown,) = fetch(found, "grown")
    assert isinstance(grown, Workflow)
    found.weigh(0, {"grown": 300_020})  # stored, so it says, and yet small: only what is in memory counts
    found.trim()
    assert fetch(found, "grown") == [grown]


def test_a_workflow_that_is_larger_than_the_limit_is_read_anew(site: Site) -> None:
    found = residence(site, limit_bytes=100_000)
    store(site, "w", attributes={"document": "x" * 200_000})
    (first,) = fetch(found, "w")
    found.trim()
    (again,) = fetch(found, "w")
    assert isinstance(first, Workflow)
    assert isinstance(again, Workflow)
    assert (again is first, again.snapshot) == (False, first.snapshot)
