"""The router's role: one worker routes, and when it goes, dies or is suspended another one does."""

import threading

import pytest

from streams.errors import LayoutError
from streams.ingress import emit
from streams.routing import Routing
from tests.streams.site import PARTITIONS, Site
from tests.support.waiting import wait_for

LEASE_MS = 3_600_000


def _routing(site: Site, partitions: int = PARTITIONS) -> Routing:
    return Routing(site.connect, site.keys, partitions, LEASE_MS, lambda: site.now_ms)


def _routed(site: Site) -> int:
    return sum(site.client.xlen(site.keys.of(partition).events) for partition in range(PARTITIONS))


def test_one_routes_and_the_other_stands_by_until_the_role_is_given_up(site: Site) -> None:
    first, second = _routing(site), _routing(site)
    site.emit(site.event("w", "started"))
    assert (first.step(0), second.step(0)) == (1, 0)
    assert (first.active, second.active) == (True, False)
    first.release()
    site.emit(site.event("w", "paused"))
    assert second.step(0) == 1
    assert (first.active, second.active) == (False, True)
    assert _routed(site) == 2


def test_one_that_was_suspended_routes_nothing_twice_and_stands_by_from_then_on(site: Site) -> None:
    first, second = _routing(site), _routing(site)
    first.step(0)
    site.client.call("HSET", site.keys.router, "until", 0)
    site.emit(*(site.event(f"w-{number}", "started") for number in range(10)))
    assert second.step(0) == 10
    site.emit(site.event("w", "started"))
    assert first.step(0) == 1  # it does not know yet
    assert second.step(0) == 0
    site.now_ms += LEASE_MS
    assert first.step(0) == 0
    assert not first.active
    assert _routed(site) == 11


def test_one_that_died_on_this_machine_is_followed_at_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    _routing(site).step(0)
    second = _routing(site)
    second.step(0)
    assert not second.active
    owner = site.client.call("HGET", site.keys.router, "owner").decode()
    monkeypatch.setattr("streams.lease.is_dead", lambda name: name == owner)
    second.step(0)
    assert second.active


def test_who_waits_is_woken_when_the_role_becomes_free(site: Site) -> None:
    first, second = _routing(site), _routing(site)
    first.step(0)
    stop = threading.Event()
    thread = threading.Thread(target=second.run, args=(stop,))
    thread.start()
    first.release()
    wait_for(lambda: second.active)
    emit(site.client, site.keys, [site.event("w", "started")])
    wait_for(lambda: _routed(site) == 1)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert not site.client.exists(site.keys.router)


def test_a_wrong_number_of_partitions_never_routes(site: Site) -> None:
    _routing(site).step(0)
    stranger = _routing(site, PARTITIONS + 1)
    site.emit(site.event("w", "started"))
    with pytest.raises(LayoutError):
        stranger.step(0)
    assert _routed(site) == 0


def test_a_bell_of_another_type_wakes_nobody_and_stops_nothing(site: Site) -> None:
    site.client.set(site.keys.bell, "x")
    routing, worker = _routing(site), site.worker()
    site.emit(site.event("w", "started"))
    assert routing.step(0) == 1
    while worker.step(0):
        pass
    assert site.status("w") == "running"
