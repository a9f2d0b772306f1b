"""How many traces wait for the endpoint, which partitions are full, and what is told of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.pressure import Memory, Pressure, read_memory, share_limit
from streams.schedule import FIRED
from streams.survey import survey
from tests.streams.site import PARTITIONS, START_MS, Site
from tests.support.servers import VALKEY, Server, running

EVERYWHERE = tuple(range(PARTITIONS))


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server whose limits this test alone may change."""
    with running(VALKEY, tmp_path / "server") as server:
        yield server


def end(site: Site, *subjects: str) -> None:
    """Let workflows start and end, without an exporter."""
    site.emit(*(site.event(subject, name) for subject in subjects for name in ("started", "finished")))
    site.settle(site.worker())
    site.end_leases()


def unread(site: Site, number: int) -> int:
    """How many entries of a partition are not folded."""
    return survey(site.client, site.keys, (number,)).partitions[number].unread


def test_an_ended_workflow_waits_until_its_trace_was_accepted(site: Site) -> None:
    pressure = Pressure(site.client, site.keys, 10)
    assert pressure.measure(EVERYWHERE) == dict.fromkeys(EVERYWHERE, 0)
    subjects = [f"w-{number}" for number in range(30)]
    end(site, *subjects)
    site.emit(site.event("open", "started"))
    site.settle(site.worker())
    waiting = pressure.measure(EVERYWHERE)
    assert waiting == {
        number: sum(1 for subject in subjects if site.of(subject) is site.keys.of(number)) for number in EVERYWHERE
    }
    site.deliver()
    assert pressure.measure((0, 3)) == {0: 0, 3: 0}


def test_parts_of_workflows_that_go_on_wait_too(site: Site) -> None:
    site.client.call_all(("XADD", site.keys.of(1).outbox, "*", "b", "x") for _ in range(3))
    assert Pressure(site.client, site.keys, 10).measure((0, 1)) == {0: 0, 1: 3}


def test_a_partition_is_full_at_the_limit_and_free_below_nine_tenths_of_it(site: Site) -> None:
    pressure, outbox = Pressure(site.client, site.keys, 10), site.keys.of(2).outbox
    now_ms, seen = START_MS, []
    for change in (9, 1, 5, -5, -1, -1, 1, 1):
        if change > 0:
            entries = [site.client.call("XADD", outbox, "*", "b", "x") for _ in range(change)]
        else:
            entries = [entry for entry, _ in site.client.call("XRANGE", outbox, "-", "+", "COUNT", -change)]
            site.client.call("XDEL", outbox, *entries)
        now_ms += 600
        seen.append((site.client.call("XLEN", outbox), pressure.step(EVERYWHERE, now_ms)))
    full, free = frozenset({2}), frozenset[int]()
    assert seen == [(9, free), (10, full), (15, full), (10, full), (9, full), (8, free), (9, free), (10, full)]


def test_it_measures_twice_a_second_and_at_once_for_a_new_partition(site: Site) -> None:
    pressure = Pressure(site.client, site.keys, 1)
    assert pressure.step((0,), START_MS) == frozenset()
    for number in (0, 1):
        site.client.call("XADD", site.keys.of(number).outbox, "*", "b", "x")
    assert pressure.step((0,), START_MS + 499) == frozenset()
    assert pressure.step((0, 1), START_MS + 499) == {0, 1}
    assert pressure.step((1,), START_MS + 500) == {1}
    for number in (0, 1):
        site.client.call("DEL", site.keys.of(number).outbox)
    assert pressure.step((0, 1), START_MS + 600) == {0, 1}
    assert pressure.step((0, 1), START_MS - 86_400_000) == frozenset()  # the clock was put back


def test_one_line_tells_when_it_begins_and_one_when_it_is_over(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    pressure = Pressure(site.client, site.keys, 2)
    for step, number in enumerate((0, 0, 1, 1)):
        site.client.call("XADD", site.keys.of(number).outbox, "*", "b", "x")
        pressure.step(EVERYWHERE, START_MS + 1_000 * step)
    for step, number in enumerate((0, 1, 1), 4):
        site.client.call("DEL", site.keys.of(number).outbox)
        pressure.step(EVERYWHERE, START_MS + 1_000 * step)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "WARNING",
            "2 traces wait for the endpoint in partitions 0, at most 2 may in each: their events stay in Redis until"
            " the endpoint has taken some; see longspan doctor, or raise LONGSPAN_OUTBOX_LIMIT",
        ),
        ("INFO", "all partitions are read again after 4 s; 0 traces wait"),
    ]


def test_a_key_of_another_type_stops_nobody(site: Site) -> None:
    site.client.call("SET", site.keys.of(0).outbox, "mine")
    site.client.call("SET", site.keys.of(1).ended, "mine")
    site.client.call("XADD", site.keys.of(1).outbox, "*", "b", "x")
    site.client.call("SET", site.keys.events, "mine")
    assert Pressure(site.client, site.keys, 1).step((0, 1), START_MS) == {1}
    seen = survey(site.client, site.keys, (0, 1))
    assert (seen.ingress, seen.partitions[0].outbox, seen.partitions[1].outbox) == (0, 0, 1)


def test_a_limit_is_shared_out_evenly_and_nobody_gets_none() -> None:
    assert [share_limit(limit, 16) for limit in (500_000, 17, 16, 1)] == [31_250, 2, 1, 1]


def test_the_memory_of_the_server_is_known_with_its_limit(own_server: Server, prefix: str, tmp_path: Path) -> None:
    site = Site(own_server.url, prefix, tmp_path)
    pressure = Pressure(site.client, site.keys, 1)
    pressure.step((), START_MS)
    assert pressure.memory is not None
    assert (pressure.memory.limit, pressure.memory.fullness) == (0, 0.0)
    with own_server.client() as client:
        client.config_set("maxmemory", 2 * pressure.memory.used)
    assert 0.3 < read_memory(site.client).fullness < 0.7
    pressure.step((), START_MS + 999)
    assert pressure.memory.limit == 0
    pressure.step((), START_MS + 1_000)
    assert pressure.memory.limit > 0
    assert Memory(3, 2).fullness == 1.5
    site.close()


def test_a_survey_says_what_waits_in_each_partition(site: Site) -> None:
    nothing = survey(site.client, site.keys, EVERYWHERE)
    assert (nothing.ingress, nothing.ingress_ms) == (0, 0)
    assert {sum(seen) for seen in nothing.partitions.values()} == {0}
    worker = site.worker()
    site.emit(site.event("a", "started"), site.event("a", "paused"), site.event("b", "started"), {b"id": b"1"})
    site.emit(site.event("c", "paused"), site.event("d", "started", machine="nobodys"))
    site.settle(worker)
    site.emit(site.event("a", "resumed"), site.event("b", "finished"))
    site.route()
    site.emit(site.event("a", "paused"))
    seen = survey(site.client, site.keys, EVERYWHERE)
    totals = [sum(column) for column in zip(*seen.partitions.values(), strict=True)]
    assert seen.ingress == 1
    assert dict(zip(seen.partitions[0]._fields, totals, strict=True)) | {"overdue": 0, "lag_ms": 0} == {
        "unread": 2,
        "lag_ms": 0,
        "outbox": 0,
        "oldest_ms": 0,
        "dead": 1,
        "refused": 0,
        "waiting": 1,
        "parked": 1,
        "deadlines": 1,
        "overdue": 0,
        "worked": 4,
        "exported": 0,
        "messages": 0,
    }
    site.client.call("XADD", site.keys.of(0).messages, "*", "m", "x")
    assert survey(site.client, site.keys, (0,)).partitions[0].messages == 1
    site.client.call("DEL", site.keys.of(0).messages)
    while worker.step(0):
        pass
    (ended,) = [found for found in survey(site.client, site.keys, EVERYWHERE).partitions.values() if found.outbox]
    assert 0 <= ended.oldest_ms < 60_000


def test_a_survey_knows_overdue_deadlines_and_old_outbox_entries(site: Site) -> None:
    keys = site.keys.of(0)
    site.client.call("ZADD", keys.deadlines, 1, "past", 9_000_000_000_000, "ahead", FIRED + 1, "fired")
    seconds, _ = site.client.call("TIME")
    site.client.call("XADD", keys.outbox, f"{int(seconds) * 1_000 - 3_600_000}-0", "b", "x")
    found = survey(site.client, site.keys, (0,)).partitions[0]
    assert (found.deadlines, found.overdue) == (3, 2)
    assert 3_599_000 < found.oldest_ms < 3_700_000


def test_a_full_partition_is_not_read_and_goes_on_by_itself_when_traces_were_accepted(site: Site) -> None:
    worker = site.worker(outbox_limit=3 * PARTITIONS)
    names = [f"w-{number}" for number in range(200)]
    mine = [name for name in names if site.of(name) is site.keys.of(0)][:10]
    other = next(name for name in names if site.of(name) is site.keys.of(1))
    site.emit(*(site.event(subject, name) for subject in mine[:3] for name in ("started", "finished")))
    site.settle(worker)
    site.emit(*(site.event(subject, name) for subject in (*mine[3:], other) for name in ("started", "paused")))
    site.now_ms += 600
    cursor = site.client.call("HGET", site.keys.of(0).meta, "cursor")
    site.settle(worker)
    assert worker.pressure.full == {0}
    assert (unread(site, 0), site.status(other)) == (14, "running")
    assert site.client.call("HGET", site.keys.of(0).meta, "cursor") == cursor
    site.deliver()
    site.pass_ms(worker, 600)
    assert worker.pressure.full == frozenset()
    assert (unread(site, 0), {site.status(subject) for subject in mine[3:]}) == (0, {"running"})


def test_in_a_full_partition_no_deadline_fires_and_what_is_old_still_leaves(site: Site) -> None:
    worker = site.worker(outbox_limit=PARTITIONS, retention_ms=60_000)
    mine = [f"w-{number}" for number in range(200) if site.of(f"w-{number}") is site.keys.of(0)][:4]
    old, ended, paused, early = mine
    site.emit(site.event(old, "started"), site.event(old, "finished"))
    site.settle(worker)
    site.deliver()
    site.emit(site.event(paused, "started"), site.event(paused, "paused"), site.event(early, "paused"))
    site.emit(site.event(ended, "started"), site.event(ended, "finished"))
    site.settle(worker)
    site.pass_ms(worker, 900_000)
    assert (site.view(old), site.status(paused), site.status(ended)) == (None, "running", "ok")
    assert (unread(site, 0), site.letters()) == (0, [])
    site.deliver()
    site.pass_ms(worker, 2_000)
    site.pass_ms(worker, 2_000)
    assert (site.status(paused), [letter.reason for letter in site.letters()]) == ("timeout", ["early"])


def test_a_survey_knows_how_long_the_oldest_unread_event_waits(site: Site) -> None:
    keys = site.keys.of(0)
    seconds, _ = site.client.call("TIME")
    hour_ago, minute_ago = int(seconds) * 1_000 - 3_600_000, int(seconds) * 1_000 - 60_000
    site.client.call("XADD", site.keys.events, f"{hour_ago}-0", "id", "1")
    site.client.call("XADD", keys.events, f"{hour_ago}-0", "e", "x")
    site.client.call("XADD", keys.events, f"{minute_ago}-0", "e", "x")
    assert 3_599_000 < survey(site.client, site.keys, (0,)).partitions[0].lag_ms < 3_700_000
    site.client.call("HSET", keys.meta, "cursor", f"{hour_ago}-0")
    seen = survey(site.client, site.keys, (0,))
    assert (seen.partitions[0].unread, seen.ingress) == (1, 1)
    assert 59_000 < seen.partitions[0].lag_ms < 160_000
    assert 3_599_000 < seen.ingress_ms < 3_700_000
    site.client.call("HSET", keys.meta, "cursor", f"{minute_ago}-0")
    assert survey(site.client, site.keys, (0,)).partitions[0].lag_ms == 0


def test_a_survey_knows_which_partitions_nobody_holds(site: Site) -> None:
    seconds, _ = site.client.call("TIME")
    for number, ahead in ((0, 60), (1, -60)):
        site.client.call("HSET", site.keys.of(number).meta, "until", (int(seconds) + ahead) * 1_000)
    site.client.call("HSET", site.keys.of(1).exporter, "until", (int(seconds) + 60) * 1_000)
    seen = survey(site.client, site.keys, (0, 1)).partitions
    assert [(found.worked, found.exported) for found in seen.values()] == [(1, 0), (0, 1)]
