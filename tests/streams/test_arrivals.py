"""How far deadlines may fire: behind what arrived earlier, but never for ever."""

import pytest

from streams.arrivals import LOOK_MS, PATIENCE_MS, Arrivals
from streams.keys import partition_of
from tests.streams.site import PARTITIONS, START_MS, Site

LATER_MS = START_MS + 600_000  # the real time is later still
ALL = range(PARTITIONS)


def put(site: Site, at_ms: int, subject: str) -> None:
    """An entry that arrived at a time of the test's own."""
    fields = [part for pair in site.event(subject, "started").items() for part in pair]
    site.client.call("XADD", site.keys.events, f"{at_ms}-*", *fields)


def arrivals(site: Site) -> Arrivals:
    return Arrivals(site.connect(), site.keys)


def elsewhere(subject: str) -> str:
    """A workflow of another partition."""
    home = partition_of(subject, PARTITIONS)
    return next(name for name in map(str, range(99)) if partition_of(name, PARTITIONS) != home)


def test_where_nothing_waits_both_clocks_must_have_passed_the_due_time(site: Site) -> None:
    assert set(arrivals(site).read(ALL, START_MS).values()) == {START_MS}
    seconds, _ = site.client.call("TIME")
    far_ms = START_MS * 2
    (limit_ms,) = set(arrivals(site).read(ALL, far_ms).values())
    assert int(seconds) * 1_000 <= limit_ms < far_ms


def test_deadlines_wait_for_what_arrived_before_them_and_for_nothing_else(site: Site) -> None:
    put(site, START_MS + 5, "w")
    assert set(arrivals(site).read(ALL, LATER_MS).values()) == {START_MS + 5}
    assert set(arrivals(site).read(ALL, START_MS + 3).values()) == {START_MS + 3}
    site.route()
    assert set(arrivals(site).read(ALL, LATER_MS).values()) == {LATER_MS}


def test_a_partition_that_is_blocked_holds_up_only_its_own_deadlines(site: Site) -> None:
    blocked = partition_of("w", PARTITIONS)
    site.client.call("SET", site.of("w").dead, "someone else's")
    put(site, START_MS, "w")
    put(site, START_MS + 7, elsewhere("w"))
    router = site.router()
    router.step(0)
    limits = arrivals(site).read(ALL, LATER_MS)
    assert limits.pop(blocked) == START_MS
    assert set(limits.values()) == {LATER_MS}
    put(site, START_MS + 9, elsewhere("w"))
    limits = arrivals(site).read(ALL, LATER_MS)
    assert limits.pop(blocked) == START_MS
    assert set(limits.values()) == {START_MS + 9}
    site.client.delete(site.of("w").dead)
    router.step(0)
    while site.client.call("XLEN", site.keys.events):
        router.step(0)
    assert set(arrivals(site).read(ALL, LATER_MS).values()) == {LATER_MS}


def test_a_router_that_does_not_get_on_holds_nobody_up_for_ever(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    put(site, START_MS, "w")
    watching, now_ms = arrivals(site), LATER_MS
    for _ in range(0, PATIENCE_MS, LOOK_MS):
        assert set(watching.read(ALL, now_ms).values()) == {START_MS}
        now_ms += LOOK_MS
    for _ in range(3):
        assert set(watching.read(ALL, now_ms).values()) == {now_ms}
    assert [record.getMessage() for record in caplog.records] == [
        "for 60 s nothing was routed to partitions 0, 1, 2, 3: deadlines fire there before events that came earlier and"
        f" still wait in {site.keys.events.decode()}; see longspan doctor"
    ]
    put(site, START_MS + 1, "w")
    site.client.call("XTRIM", site.keys.events, "MINID", f"{START_MS + 1}-0")
    assert set(watching.read(ALL, now_ms).values()) == {START_MS + 1}


def test_a_worker_that_was_suspended_does_not_take_that_for_a_router_that_does_not_get_on(site: Site) -> None:
    put(site, START_MS, "w")
    watching = arrivals(site)
    for now_ms in (LATER_MS, LATER_MS + 10 * PATIENCE_MS, LATER_MS + 20 * PATIENCE_MS, LATER_MS):
        assert set(watching.read(ALL, now_ms).values()) == {START_MS}


@pytest.mark.parametrize("kind", ["events", "routed"])
def test_keys_of_another_type_stop_nothing(site: Site, kind: str) -> None:
    site.client.call("SET", getattr(site.keys, kind), "someone else's")
    if kind == "routed":
        put(site, START_MS, "w")
        site.client.call("SET", site.of(elsewhere("w")).dead, "someone else's")
        put(site, START_MS + 1, elsewhere("w"))
        site.router().step(0)
        assert set(arrivals(site).read(ALL, LATER_MS).values()) == {START_MS + 1}
        site.client.delete(site.keys.routed)
        site.client.call("HSET", site.keys.routed, "reached", "no id", "passed_over", "no number")
    assert set(arrivals(site).read(ALL, LATER_MS).values()) == {LATER_MS if kind == "events" else START_MS + 1}
