"""The ingress stream and its router: each entry reaches its partition once and in order, whatever is done twice."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from machines.events import decode_event
from streams.errors import KeyTypeError
from streams.ingress import LOOK_EVERY, Router
from streams.keys import partition_of
from tests.streams.interruption import Hook, Interrupted, Turns
from tests.streams.site import PARTITIONS, Site


def routed(site: Site) -> dict[int, list[str]]:
    """The ids of the events in each partition's stream."""
    found = {}
    for partition in range(PARTITIONS):
        entries = site.client.call("XRANGE", site.keys.of(partition).events, "-", "+")
        found[partition] = [decode_event(fields[1]).id for _, fields in entries]
    return found


def expected(site: Site, entries: list[dict[bytes, bytes]]) -> dict[int, list[str]]:
    """Where healthy entries belong, in their order."""
    found: dict[int, list[str]] = {partition: [] for partition in range(PARTITIONS)}
    for entry in entries:
        partition = next(p for p in found if site.keys.of(p) is site.of(entry[b"subject"].decode()))
        found[partition].append(entry[b"id"].decode())
    return found


def test_entries_reach_their_partitions_in_order_and_leave_the_ingress_stream(site: Site) -> None:
    entries = [site.event(f"w-{number % 9}", "started") for number in range(60)]
    site.emit(*entries)
    site.route()
    assert routed(site) == expected(site, entries)
    assert site.client.xlen(site.keys.events) == 0


def test_routing_again_from_the_start_changes_nothing(site: Site) -> None:
    entries = [site.event(f"w-{number}", "started") for number in range(20)]

    def lose(commands: object) -> None:
        if "XTRIM" in str(commands):
            raise ConnectionError("cut before the trim")

    site.emit(*entries, {b"not": b"an event"})
    router = site.router(Interrupted(site.client, before=lose))
    for _ in range(3):
        with pytest.raises(ConnectionError):
            router.step(0)
        router.restart()
    assert site.client.xlen(site.keys.events) == 21
    assert routed(site) == expected(site, entries)
    assert len(site.letters()) == 1


def test_a_router_that_was_overtaken_routes_and_trims_nothing_of_what_came_since(site: Site) -> None:
    first = [site.event(f"w-{number}", "started") for number in range(8)]
    later = [site.event(f"w-{number}", "paused") for number in range(8)]
    overtaken: list[bool] = []

    def overtake(commands: object) -> None:
        if "EVALSHA" in str(commands) and not overtaken:
            overtaken.append(True)
            site.route()
            site.emit(*later)

    site.emit(*first)
    site.router(Interrupted(site.client, before=overtake)).step(0)
    assert overtaken
    assert routed(site) == expected(site, first)
    assert site.client.xlen(site.keys.events) == len(later)
    site.route()
    assert routed(site) == expected(site, first + later)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["one", "two", "emit", "one-restarts"]), max_size=24), st.booleans())
def test_two_routers_in_any_interleaving_lose_and_double_nothing(site: Site, schedule: list[str], spoil: bool) -> None:
    """Each step of the schedule is one round trip of one router (read, route or trim), or one more entry."""
    site.client.delete(*site.client.keys(f"{site.keys.prefix}:*") or [b"-"])
    entries = [site.event(f"w-{number % 5}", "started") for number in range(6)]
    site.emit(*entries)

    def steps(hook: Hook) -> Callable[[], object]:
        router = Router(Interrupted(site.connect(), before=hook), site.keys, PARTITIONS)
        router._pace.count = 2
        return lambda: [router.step(0) for _ in range(4)]

    routers = {"one": Turns(steps), "two": Turns(steps)}
    for what in schedule:
        if what == "emit":
            entry = site.event("w-1", "paused")
            entries.append(entry)
            site.emit(entry)
        elif what == "one-restarts":
            routers["one"].finish()
            routers["one"] = Turns(steps)
        else:
            routers[what].advance()
    for router in routers.values():
        router.finish()
        assert router.error is None
    site.route()
    assert routed(site) == expected(site, entries)
    assert site.client.xlen(site.keys.events) == 0


def test_a_malformed_entry_becomes_a_dead_letter_that_keeps_what_came(site: Site) -> None:
    pairs = [b"id", b"x", b"subject", b"w", b"type", b"\xff\x00", b"id", b"again"]
    position = site.client.call("XADD", site.keys.events, "*", *pairs)
    site.route()
    (letter,) = site.letters()
    assert (letter.reason, letter.field) == ("malformed", "type")
    assert letter.position == position.decode()
    assert letter.detail.startswith("type: ")
    assert letter.entry == {b"id": b"again", b"subject": b"w", b"type": b"\xff\x00"}


@pytest.mark.parametrize("position", ["5-18446744073709551615", "18446744073709551615-18446744073709551615"])
def test_an_entry_with_the_highest_id_stops_nobody(site: Site, position: str) -> None:
    entry = site.event("w", "started")
    site.client.call("XADD", site.keys.events, position, *(part for pair in entry.items() for part in pair))
    site.route()
    assert routed(site)[partition_of("w", PARTITIONS)] == [entry[b"id"].decode()]
    assert site.client.xlen(site.keys.events) == 0


@pytest.mark.parametrize("kind", ["meta", "events", "dead"])
def test_a_key_of_the_wrong_type_is_named_and_nothing_is_lost(
    site: Site, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    entry = site.event("w", "started")
    key: bytes = getattr(site.of("w"), kind)
    site.client.call("SET", key, "someone else's")
    site.emit(entry)
    before = site.keyspace()
    router = site.router()
    router.step(0)
    assert f"key {key.decode()} holds a string" in caplog.text
    after = site.keyspace()
    after.pop(site.keys.routed)
    assert after == before
    site.client.delete(key)
    router.step(0)
    router.step(0)
    assert routed(site)[partition_of("w", PARTITIONS)] == [entry[b"id"].decode()]
    assert site.client.xlen(site.keys.events) == 0


def test_where_one_partition_is_blocked_the_others_go_on_and_nothing_overtakes(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    blocked, free = site.of("w"), next(name for name in map(str, range(99)) if site.of(name) != site.of("w"))
    site.client.call("SET", blocked.events, "someone else's")
    site.emit(first := site.event("w", "started"), site.event(free, "started"))
    router = site.router()
    router.step(0)
    site.client.delete(blocked.events)
    site.emit(second := site.event("w", "moved"), site.event(free, "moved"))
    router.step(0)
    assert len(routed(site)[partition_of(free, PARTITIONS)]) == 2
    assert not routed(site)[partition_of("w", PARTITIONS)]
    for _ in range(3):
        router.step(0)
    assert routed(site)[partition_of("w", PARTITIONS)] == [first[b"id"].decode(), second[b"id"].decode()]
    assert len(routed(site)[partition_of(free, PARTITIONS)]) == 2
    assert site.client.xlen(site.keys.events) == 0
    assert len(caplog.records) == 1


def test_a_blocked_partition_is_tried_again_although_there_is_always_something_else_to_do(site: Site) -> None:
    blocked, free = site.of("w"), next(name for name in map(str, range(99)) if site.of(name) != site.of("w"))
    site.client.call("SET", blocked.events, "someone else's")
    sent = [site.event("w", "started")]
    site.emit(*sent)
    router = site.router()
    router.step(0)
    for number in range(LOOK_EVERY):
        if number == LOOK_EVERY // 2:
            site.client.delete(blocked.events)
        site.emit(event := site.event("w", "moved"), site.event(free, "moved"))
        sent.append(event)
        router.step(0)
    assert routed(site)[partition_of("w", PARTITIONS)] == [event[b"id"].decode() for event in sent]
    assert len(routed(site)[partition_of(free, PARTITIONS)]) == LOOK_EVERY
    assert site.client.xlen(site.keys.events) == 0


def test_an_ingress_key_of_the_wrong_type_is_named(site: Site) -> None:
    site.client.call("SET", site.keys.events, "someone else's")
    with pytest.raises(KeyTypeError, match="holds a string, not a stream"):
        site.router().step(0)


def test_scripts_that_the_server_forgot_are_sent_again(site: Site) -> None:
    entries = [site.event(f"w-{number}", "started") for number in range(12)]
    router = site.router()
    for entry in entries:
        site.emit(entry)
        site.client.script_flush()
        router.step(0)
    assert routed(site) == expected(site, entries)
