"""An ingress stream that lost its end: what comes next is routed, although its ids are no later than what was lost."""

import pytest

from streams.ingress import Router
from tests.streams.site import PARTITIONS, START_MS, Site


def put(site: Site, entry_id: str, subject: str, **attributes: str) -> None:
    fields = [part for pair in site.event(subject, "started", **attributes).items() for part in pair]
    site.client.call("XADD", site.keys.events, entry_id, *fields)


def routed(site: Site, subject: str) -> int:
    """How many entries its partition's stream has."""
    count: int = site.client.call("XLEN", site.of(subject).events)
    return count


def positions(site: Site) -> list[bytes | None]:
    return [site.client.call("HGET", site.keys.of(number).meta, "routed") for number in range(PARTITIONS)]


def rewind(site: Site, *entry_ids: str) -> None:
    """As a failover leaves the stream whose end never reached the replica."""
    with site.still:
        site.client.delete(site.keys.events)
        for number, entry_id in enumerate(entry_ids):
            put(site, entry_id, f"w-{number}", id=f"again-{number}")


def drain(router: Router) -> int:
    steps = 0
    while router.step(0):
        steps += 1
    return steps


@pytest.mark.parametrize("again", [False, True])
def test_what_comes_after_a_rewind_is_routed(site: Site, again: bool, caplog: pytest.LogCaptureFixture) -> None:
    router = site.router()
    for number in range(20):
        put(site, f"{START_MS + 1_000}-{number}", f"w-{number}")
    drain(router)
    before = routed(site, "w-0")
    site.client.call("HSET", site.keys.routed, "reached", f"{START_MS + 1_000}-19", "passed_over", "")
    rewind(site, f"{START_MS + 500}-0", f"{START_MS + 500}-1")
    if again:
        router = site.router()
    else:
        router.restart()
    drain(router)
    assert site.client.call("XLEN", site.keys.events) == 0
    assert not site.client.exists(site.keys.routed)
    assert routed(site, "w-0") > before
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert f"ends at {START_MS + 500}-1, before entries that were routed already" in told[0]
    put(site, f"{START_MS + 501}-0", "w-0")
    router.restart()
    drain(router)
    assert routed(site, "w-0") > before + 1
    assert len(caplog.records) == 1


def test_an_event_that_is_routed_twice_by_that_is_applied_once(site: Site) -> None:
    worker = site.worker()
    put(site, f"{START_MS}-0", "w", id="first")
    put(site, f"{START_MS + 9}-0", "w", id="second", type="com.example.job.paused")
    site.settle(worker)
    with site.still:
        site.client.delete(site.keys.events)
        put(site, f"{START_MS}-0", "w", id="first")
        put(site, f"{START_MS + 1}-0", "w", id="third", type="com.example.job.resumed")
    site.settle(worker)
    assert [record.event.id for record in site.records("w")] == ["first", "second", "third"]


@pytest.mark.parametrize("healthy", ["trimmed", "deleted", "deleted and used again", "never used"])
def test_a_healthy_stream_is_left_alone(site: Site, healthy: str, caplog: pytest.LogCaptureFixture) -> None:
    router = site.router()
    if healthy != "never used":
        site.emit(*(site.event(f"w-{number}", "started") for number in range(20)))
        drain(router)
    before = positions(site)
    if healthy.startswith("deleted"):
        site.client.delete(site.keys.events)
    router.restart()
    assert drain(router) == 0
    assert positions(site) == before
    if healthy != "deleted":
        count = routed(site, "w-0")
        site.emit(site.event("w-0", "paused"))
        assert drain(router) == 1
        assert routed(site, "w-0") == count + 1
    assert not caplog.records


def test_a_partition_whose_keys_cannot_be_read_is_no_hindrance(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    put(site, f"{START_MS + 9}-0", "w-0")
    drain(site.router())
    other = next(number for number in range(PARTITIONS) if site.keys.of(number) is not site.of("w-0"))
    site.client.call("SET", site.keys.of(other).meta, "someone else's")
    rewind(site, f"{START_MS}-0")
    before = routed(site, "w-0")
    drain(site.router())
    assert routed(site, "w-0") == before + 1
    assert len(caplog.records) == 1
