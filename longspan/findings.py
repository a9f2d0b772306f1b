"""What `longspan doctor` finds out, one finding a check: nothing here changes anything."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from longspan.endpoint import read_endpoint
from longspan.failure import explain
from longspan.loading import load_machines
from longspan.settings import Settings
from longspan.store import Store
from machines.durations import format_duration

if TYPE_CHECKING:
    from streams.client import Client

Verdict = Literal["ok", "warn", "fail"]

MOST_SKEW_MS = 1_000
MOST_BACKLOG = 10_000
OLDEST_OUTBOX_MS = 60_000


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict of one check; `remedy` says what to do about it and is empty where all is well."""

    check: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def examine_store(store: Store, settings: Settings, now_ms: Callable[[], int]) -> Iterator[Finding]:
    """Server, its persistence and clock, then worker, backlog, outbox and what was set aside.

    Raises StreamsError or redis.RedisError where the server cannot be used at all.
    """
    from streams.client import check_server, persistence

    client = store.client
    server = check_server(client)
    yield Finding("server", "ok", f"{server} at {store.shown}, maxmemory-policy noeviction")
    kept = persistence(client)
    if kept == "append-only file":
        yield Finding("persistence", "ok", kept)
    else:
        yield Finding("persistence", "warn", kept, "Set appendonly yes: without it a crash of the server loses events.")
    before_ms = now_ms()
    seconds, microseconds = client.call("TIME")
    skew_ms = int(seconds) * 1000 + int(microseconds) // 1000 - (before_ms + now_ms()) // 2
    verdict: Verdict = "ok" if abs(skew_ms) <= MOST_SKEW_MS else "warn"
    detail = f"{format_duration(abs(skew_ms) * 1_000_000)} {'behind' if skew_ms > 0 else 'ahead of'} the server's"
    yield Finding("clock", verdict, detail, "" if verdict == "ok" else "Synchronise the clocks (NTP).")
    partitions = store.partitions
    if partitions is None:
        yield Finding(
            "partitions", "warn", f"no worker has ever started under prefix {settings.prefix}", "longspan worker"
        )
        return
    yield Finding("partitions", "ok", f"{partitions} under prefix {settings.prefix}")
    server_ms = int(seconds) * 1000 + int(microseconds) // 1000
    yield _examine_worker(store, partitions, server_ms)
    yield _examine_backlog(store, partitions)
    yield _examine_outbox(store, partitions, server_ms)
    yield from _examine_set_aside(store, partitions)


def examine_endpoint(settings: Settings, now_seconds: Callable[[], float]) -> Finding:
    """Whether the OTLP endpoint takes a request without spans."""
    endpoint = read_endpoint(os.environ)
    if endpoint.url is None:
        return Finding("endpoint", "warn", f"traces go {endpoint.shown}", "Unset it to have traces.")
    from spans.answer import Delivered
    from spans.delivery import Delivery
    from spans.resource import describe_resource

    delivery = Delivery(describe_resource(settings.namespace), now_seconds)
    try:
        answer = delivery.send([])
    finally:
        delivery.close()
    if isinstance(answer, Delivered):
        return Finding("endpoint", "ok", f"{endpoint.shown} accepts traces")
    remedy = "Start it, or set OTEL_EXPORTER_OTLP_ENDPOINT. Until then finished traces wait in Redis."
    return Finding("endpoint", "fail", f"{endpoint.shown}: {answer.reason}", remedy)


def examine_machines(settings: Settings) -> Finding:
    """Whether the machines can be loaded."""
    try:
        catalog = load_machines((), settings)
    except Exception as error:
        failure = explain(error)
        if failure is None:
            raise
        return Finding("machines", "fail", failure.message, "Mend them; longspan machines --validate checks again.")
    return Finding("machines", "ok", ", ".join(f"{machine.name} {machine.version}" for machine in catalog))


def _examine_worker(store: Store, partitions: int, server_ms: int) -> Finding:
    held = _each(store.client, partitions, lambda number: ("HMGET", store.keys.of(number).meta, "owner", "until"))
    owners = {owner for owner, until in held if owner and int(until or 0) > server_ms}
    owned = sum(1 for owner, until in held if owner and int(until or 0) > server_ms)
    if not owners:
        return Finding("worker", "fail", "none is running", "Start one: longspan worker")
    names = ", ".join(sorted("/".join(owner.decode().split("/")[::2][:2]) for owner in owners))
    detail = f"{owned} of {partitions} partitions are held by {names}"
    if owned < partitions:
        return Finding("worker", "warn", detail, "The rest moves to a worker within LONGSPAN_LEASE; look again then.")
    return Finding("worker", "ok", detail)


def _examine_backlog(store: Store, partitions: int) -> Finding:
    groups = _each(store.client, partitions, lambda number: ("XINFO", "GROUPS", store.keys.of(number).events))
    lag = sum(_lag(group) for group in groups)
    waiting = int(store.client.call("XLEN", store.keys.events)) + lag
    detail = f"{waiting} events are not folded yet"
    if waiting > MOST_BACKLOG:
        return Finding("backlog", "warn", detail, "See whether the worker keeps up: longspan status, its log.")
    return Finding("backlog", "ok", detail)


def _examine_outbox(store: Store, partitions: int, server_ms: int) -> Finding:
    depth = sum(_each(store.client, partitions, lambda number: ("XLEN", store.keys.of(number).outbox)))
    firsts = _each(
        store.client, partitions, lambda number: ("XRANGE", store.keys.of(number).outbox, "-", "+", "COUNT", 1)
    )
    ages = [server_ms - int(entries[0][0].partition(b"-")[0]) for entries in firsts if entries]
    if not ages:
        return Finding("outbox", "ok", "empty: every finished trace has been accepted")
    detail = f"{depth} commits wait for the endpoint, the oldest for {format_duration(max(ages) * 1_000_000)}"
    if max(ages) > OLDEST_OUTBOX_MS:
        return Finding("outbox", "warn", detail, "See the endpoint below, and the worker's log.")
    return Finding("outbox", "ok", detail)


def _examine_set_aside(store: Store, partitions: int) -> Iterator[Finding]:
    from longspan.refusals import count_refusals
    from streams.deadletters import count_dead_letters

    letters = count_dead_letters(store.client, store.keys, partitions)
    if letters:
        yield Finding("dead letters", "warn", f"{letters} events were not applied", "longspan deadletters list")
    else:
        yield Finding("dead letters", "ok", "none")
    refused = count_refusals(store.client, store.keys, partitions)
    if refused:
        detail = f"the endpoint refused {refused} spans or requests"
        yield Finding("refused spans", "warn", detail, "longspan deadletters list --spans")
    else:
        yield Finding("refused spans", "ok", "none")


def _each(client: "Client", partitions: int, command: Callable[[int], tuple[Any, ...]]) -> list[Any]:
    replies = client.call_all([command(number) for number in range(partitions)], raise_on_error=False)
    return [reply for reply in replies if not isinstance(reply, Exception)]  # a stream that is not there yet


def _lag(groups: Any) -> int:
    """The lag of the first group; redis-py gives pairs or a mapping, depending on how it was asked."""
    for group in groups:
        facts = group if isinstance(group, dict) else dict(zip(group[::2], group[1::2], strict=False))
        return int(facts.get("lag", facts.get(b"lag", 0)) or 0)
    return 0
