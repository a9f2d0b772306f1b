"""The feed: every workflow that changed is told once, and what may have been missed is never passed over in silence."""

import msgspec
import pytest

from streams.commit import CHANGES_KEPT
from streams.feed import START, Feed, read_behind, read_positions
from streams.keys import partition_of
from tests.streams.site import PARTITIONS, Site

EVERYTHING = range(PARTITIONS)


def append(site: Site, partition: int, *workflow_ids: str) -> bytes:
    """An entry as a commit writes it."""
    told = msgspec.msgpack.encode(workflow_ids)
    entry_id: bytes = site.client.call("XADD", site.keys.of(partition).changes, "*", "w", told)
    return entry_id


@pytest.fixture
def feed(site: Site) -> Feed:
    """From now on."""
    return Feed(site.keys, read_positions(site.client, site.keys, EVERYTHING), lambda: site.now_ms)


def test_what_a_worker_commits_is_told_by_partition(site: Site, feed: Feed) -> None:
    worker = site.worker()
    site.settle(worker)
    assert feed.read(site.client, 0) == ({}, [])
    site.emit(site.event("a", "started"), site.event("b", "started"), site.event("a", "paused"))
    site.settle(worker)
    told: dict[str, int] = {}
    while news := feed.read(site.client, 0).changed:
        told |= {workflow_id: partition for partition, ids in news.items() for workflow_id in ids}
    assert told == {each: partition_of(each, PARTITIONS) for each in ("a", "b")}


def test_a_workflow_that_changed_often_is_told_once(site: Site, feed: Feed) -> None:
    append(site, 1, "a", "b")
    append(site, 1, "a")
    last = append(site, 2, "c")
    assert feed.read(site.client, 0) == ({1: ["a", "b"], 2: ["c"]}, [])
    assert feed.positions[2] == last
    assert feed.read(site.client, 0) == ({}, [])


def test_what_was_appended_behind_a_position_is_found_again(site: Site) -> None:
    append(site, 0, "before")
    positions = read_positions(site.client, site.keys, EVERYTHING)
    last = append(site, 0, "after")
    found = read_behind(site.client, site.keys, list(enumerate(positions)))
    assert [(each.changed, each.whole) for each in found] == [(["after"], True), *[([], True)] * (PARTITIONS - 1)]
    assert found[0].position == last


def test_a_position_that_the_stream_has_lost_is_not_whole(site: Site, feed: Feed) -> None:
    append(site, 0, "first")
    assert feed.read(site.client, 0).missed == []
    for number in range(3):
        append(site, 0, f"later-{number}")
    site.client.call("XTRIM", site.keys.of(0).changes, "MAXLEN", "=", 2)
    assert feed.read(site.client, 0) == ({0: ["later-1", "later-2"]}, [0])
    append(site, 0, "next")
    assert feed.read(site.client, 0) == ({0: ["next"]}, [])


def test_from_the_start_nothing_is_missed_as_long_as_nothing_can_have_been_trimmed(site: Site) -> None:
    for _ in range(CHANGES_KEPT - 1):
        append(site, 0, "a")
    assert read_behind(site.client, site.keys, [(0, START)])[0].whole
    append(site, 0, "a")
    assert not read_behind(site.client, site.keys, [(0, START)])[0].whole


def test_a_stream_that_is_gone_is_noticed_although_nothing_comes(site: Site, feed: Feed) -> None:
    append(site, 3, "a")
    feed.read(site.client, 0)
    assert feed.check(site.client) == ({}, [])
    site.client.delete(site.keys.of(3).changes)
    assert feed.read(site.client, 0) == ({}, [])
    assert feed.check(site.client) == ({}, [3])
    assert feed.positions[3] == START
    append(site, 3, "b")
    assert feed.read(site.client, 0) == ({3: ["b"]}, [])


def test_an_entry_that_cannot_be_read_may_have_named_any_workflow(site: Site, feed: Feed) -> None:
    changes = site.keys.of(1).changes
    append(site, 1, "a")
    site.client.call("XADD", changes, "*", "w", b"\xc1")
    site.client.call("XADD", changes, "*", "w2", b"of a newer version")
    assert feed.read(site.client, 0) == ({1: ["a"]}, [1])


def test_a_key_of_another_type_hides_nothing_of_the_other_partitions(site: Site, feed: Feed) -> None:
    site.client.call("SET", site.keys.of(0).changes, "x")
    append(site, 1, "a")
    told = [feed.read(site.client, 0) for _ in range(2)]
    assert ({1: ["a"]}, []) in told
