"""Which workflows are to be polled, what is wrong with polling them, and which events their journals have already."""

import json
from typing import Any

from machines.entries import parse_entry
from machines.recollection import PAGES
from streams.layout import settle_partitions
from streams.poll_leases import PollLeases
from streams.polled import RECOUNT_MS, Lookout, find_unknown
from streams.troubles import DETAIL_LIMIT, Trouble, read_troubles, write_troubles
from tests.streams.site import JOB, PARTITIONS, Site

ALL = range(PARTITIONS)
OTHER: dict[str, Any] = {**JOB, "machine": "other", "starts_on": ["com.example.other.started"]}


def _lookout(site: Site, *machines: str) -> Lookout:
    return Lookout(site.connect(), site.keys, machines or ("job",), lambda: site.now_ms)


def _names(lookout: Lookout) -> set[str]:
    sighting = lookout.look(ALL, 0)
    whole = {view.id for views in sighting.whole.values() for view in views}
    return whole | {view.id for view in sighting.changed}


def test_running_workflows_of_the_machines_are_seen_and_followed_until_they_end(site: Site) -> None:
    catalog = site.load(JOB, OTHER)
    worker = site.worker(catalog=catalog)
    site.emit(site.event("wf-1", "started"), site.event("wf-2", "started"))
    site.emit(site.event("else", "started", type="com.example.other.started"))
    site.settle(worker)
    lookout = _lookout(site)
    assert _names(lookout) == {"wf-1", "wf-2"}
    assert _names(_lookout(site, "job", "other")) == {"wf-1", "wf-2", "else"}
    assert lookout.look(ALL, 0) == ({}, [], [], [])
    site.emit(
        site.event("wf-3", "started"), site.event("wf-1", "finished"), site.event("else", "paused", machine="other")
    )
    site.settle(worker)
    sighting = lookout.look(ALL, 0)
    assert [view.id for view in sighting.changed] == ["wf-3"]
    assert {workflow_id for _, workflow_id in sighting.gone} == {"wf-1", "else"}
    assert sighting.whole == {}
    assert sighting.doubted == []


def test_everything_is_listed_anew_now_and_then_partition_by_partition(site: Site) -> None:
    worker = site.worker()
    site.emit(*(site.event(f"wf-{number}", "started") for number in range(20)))
    site.settle(worker)
    lookout = _lookout(site)
    assert len(_names(lookout)) == 20
    site.now_ms += RECOUNT_MS
    seen = [lookout.look(ALL, 0).whole for _ in ALL]
    assert sorted(partition for whole in seen for partition in whole) == list(ALL)
    assert {view.id for whole in seen for views in whole.values() for view in views} == {f"wf-{n}" for n in range(20)}
    assert lookout.look(ALL, 0).whole == {}


def test_a_stream_of_changes_that_was_lost_is_a_doubt_and_its_partition_is_listed(site: Site) -> None:
    worker = site.worker()
    site.emit(site.event("wf-1", "started"))
    site.settle(worker)
    lookout = _lookout(site)
    assert _names(lookout) == {"wf-1"}
    owned = site.of("wf-1")
    site.client.delete(owned.changes)
    site.emit(site.event("wf-1", "paused"))
    site.settle(worker)
    site.client.call("XADD", owned.changes, "99999999999999-0", "w", b"\x90")
    partition = next(number for number in ALL if site.keys.of(number) is owned)
    assert lookout.look(ALL, 0).doubted == [partition]
    assert list(lookout.look(ALL, 0).whole) == [partition]


def test_partitions_of_others_are_not_looked_at_and_a_spoilt_key_hides_nothing_else(site: Site) -> None:
    worker = site.worker()
    site.emit(*(site.event(f"wf-{number}", "started") for number in range(20)))
    site.settle(worker)
    lookout = _lookout(site)
    sighting = lookout.look([1, 2], 0)
    assert sorted(sighting.whole) == [1, 2]
    assert {view.partition for views in sighting.whole.values() for view in views} == {1, 2}
    assert _lookout(site).look([], 0) == ({}, [], [], [])
    index = site.keys.of(1).index(b"listed:running:job")
    site.client.delete(index)
    site.client.call("SET", index, "rubbish")
    assert _lookout(site).look([1], 0).whole == {1: []}


def test_events_that_a_journal_has_are_known_however_long_ago_they_came(site: Site) -> None:
    worker = site.worker()
    site.emit(site.event("wf-1", "started", id="first"))
    count = 64 * 3
    site.emit(*(site.event("wf-1", "unheard-of", id=f"e{number}") for number in range(count)))
    site.settle(worker)
    view = site.view("wf-1")
    assert view is not None
    assert 0 < view.snapshot.pages < PAGES
    asked = [("wf-1", "first"), ("wf-1", "e0"), ("wf-1", f"e{count - 1}"), ("wf-1", "new"), ("wf-2", "first")]
    events = [parse_entry(site.event(subject, "x", id=name), "1-0") for subject, name in asked]
    assert find_unknown(site.client, site.keys, PARTITIONS, events) == [False, False, False, True, True]


def test_troubles_are_kept_by_workflow_and_cut_to_what_can_be_shown(site: Site) -> None:
    trouble = Trouble("timeout", "x" * 5_000, 17)
    write_troubles(site.client, site.keys, {(0, "a"): trouble, (1, "b"): trouble})
    assert read_troubles(site.client, site.keys, 0) == {"a": Trouble("timeout", "x" * DETAIL_LIMIT, 17)}
    write_troubles(site.client, site.keys, {(0, "a"): None})
    assert read_troubles(site.client, site.keys, 0) == {}
    site.client.call("HSET", site.keys.of(2).troubles, "c", b"\xff", "d", json.dumps(["x"]))
    assert read_troubles(site.client, site.keys, 2) == {"c": None, "d": None}
    site.client.call("SET", site.keys.of(3).troubles, "rubbish")
    assert read_troubles(site.client, site.keys, 3) == {}
    write_troubles(site.client, site.keys, {(3, "a"): trouble, (0, "a"): trouble})
    assert list(read_troubles(site.client, site.keys, 0)) == ["a"]


def test_pollers_share_partitions_apart_from_exporters_and_workers(site: Site) -> None:
    settle_partitions(site.client, site.keys, PARTITIONS)
    first, second = (PollLeases(site.client, site.keys, PARTITIONS, 60_000, lambda: 0) for _ in range(2))
    first.step()
    assert sorted(first.take_up()) == list(ALL)
    for _ in range(3):
        for leases in (first, second):
            leases.step()
            leases.take_up()
    assert sorted([*first.take_up(), *second.take_up()]) == list(ALL)
    assert (first.members, second.members, len(second.take_up())) == (2, 2, 2)
    second.release()
    first.step()
    assert len(first.take_up()) == PARTITIONS
    assert not site.client.exists(site.keys.exporters, site.keys.workers)
