"""What `longspan doctor` finds out, one finding a check: nothing here changes anything."""

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from api.findings import Finding, Verdict
from longspan.endpoint import read_endpoint
from longspan.failure import explain
from longspan.loading import load_machines
from longspan.polling.examination import examine_polling
from longspan.settings import Settings
from longspan.store import Store
from machines.durations import format_duration

if TYPE_CHECKING:
    from machines.catalog import Catalog
    from streams.client import Client

MOST_SKEW_MS = 1_000
OLDEST_OUTBOX_MS = 60_000


def examine_store(
    store: Store, settings: Settings, catalog: "Catalog | None", now_ms: Callable[[], int]
) -> Iterator[Finding]:
    """Server, its persistence and clock, then the work, the outbox, what was set aside, and polling by the machines of
    the catalog, where there is one.

    Raises StreamsError or redis.RedisError where the server cannot be used at all.
    """
    from longspan.work import examine_work
    from streams.server_check import persistence

    client = store.client
    yield _examine_server(store)
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
    yield from examine_work(store, partitions, server_ms)
    yield _examine_outbox(store, partitions, server_ms)
    yield from _examine_set_aside(store, partitions)
    if catalog is not None:
        yield from examine_polling(store, partitions, catalog)


def _examine_server(store: Store) -> Finding:
    from streams.errors import NotPermittedError
    from streams.server_check import check_server

    try:
        return Finding("server", "ok", f"{check_server(store.client)} at {store.shown}, maxmemory-policy noeviction")
    except NotPermittedError as error:
        return Finding("server", "warn", f"{store.shown}: {error}", "Allow +info, or look as another user.")


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


def examine_machines(settings: Settings) -> "tuple[Finding, Catalog | None]":
    """Whether the machines can be loaded, and those that are."""
    try:
        catalog = load_machines((), settings)
    except Exception as error:
        failure = explain(error)
        if failure is None:
            raise
        remedy = "Mend them; longspan machines --validate checks again."
        return Finding("machines", "fail", failure.message, remedy), None
    names = ", ".join(f"{machine.name} {machine.version}" for machine in catalog)
    return Finding("machines", "ok", names), catalog


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
    from streams.parked import count_awaited

    letters = count_dead_letters(store.client, store.keys, partitions)
    if letters:
        yield Finding("dead letters", "warn", f"{letters} events were not applied", "longspan deadletters list")
    else:
        yield Finding("dead letters", "ok", "none")
    awaited = count_awaited(store.client, store.keys, partitions)
    if awaited:
        missing = [f"{name or 'a machine'} {version or ''}".strip() for name, version in awaited]
        waits = ", ".join(f"{count} for {name}" for name, count in zip(missing, awaited.values(), strict=True))
        remedy = "Load these machines in every worker, or see longspan deadletters list."
        yield Finding("parked", "warn", f"workflows wait for machines that were not loaded: {waits}", remedy)
    else:
        yield Finding("parked", "ok", "no workflow waits for a machine")
    refused = count_refusals(store.client, store.keys, partitions)
    if refused:
        detail = f"the endpoint refused {refused} spans or requests"
        yield Finding("refused spans", "warn", detail, "longspan deadletters list --spans")
    else:
        yield Finding("refused spans", "ok", "none")


def _each(client: "Client", partitions: int, command: Callable[[int], tuple[Any, ...]]) -> list[Any]:
    replies = client.call_all([command(number) for number in range(partitions)], raise_on_error=False)
    return [reply for reply in replies if not isinstance(reply, Exception)]  # a stream that is not there yet
