"""The worker's processes put together: who is started, what they are given, and in which order they end."""

import logging
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from longspan.carrier_process import CarrierProcess
from longspan.endpoint import read_endpoint
from longspan.errors import WRONG_USE
from longspan.memory import collect_seldom
from longspan.settings import Settings
from longspan.store import Store, open_store
from longspan.threads import take_turns

if TYPE_CHECKING:
    from machines.catalog import Catalog
    from streams.archiving import Archiving
    from streams.worker import Worker

logger = logging.getLogger("longspan.worker")


def run(settings: Settings, catalog: "Catalog") -> None:
    """Work until a signal comes. Raises EmbeddedServerError, StreamsError and redis.RedisError at the start."""
    stop = threading.Event()
    carrier = CarrierProcess(give_up=stop.set)

    def begin(url: str) -> None:
        os.nice(settings.nice)  # behind the embedded server's start and before the carrier's, which inherits it
        carrier.start(url)

    with ExitStack() as exits:
        exits.callback(carrier.stop)
        store = open_store(settings, begin)
        exits.callback(store.client.close)
        _end_by_signal(stop, carrier)
        _work(settings, catalog, store, carrier, stop, exits)
    logger.info("stopped")
    if carrier.exit_status == WRONG_USE:
        sys.exit(WRONG_USE)


def _work(
    settings: Settings,
    catalog: "Catalog",
    store: Store,
    carrier: CarrierProcess,
    stop: threading.Event,
    exits: ExitStack,
) -> None:
    from streams.layout import settle_partitions
    from streams.persistence import Persistence, when_loaded
    from streams.server_check import check_server

    server = check_server(store.client)
    settle = partial(settle_partitions, store.client, store.keys, settings.partitions)
    partitions = when_loaded(settle, Persistence(logger, "the start"), stop)
    if partitions is None:
        return
    carrier.go()
    logger.info("%s at %s, prefix %s, %d partitions", server, store.shown, settings.prefix, partitions)
    logger.info("machines: %s", ", ".join(f"{machine.name} {machine.version}" for machine in catalog))
    logger.info("traces of namespace %s go to %s", settings.namespace, read_endpoint(os.environ).shown)
    archiving = _make_archive(settings, store, partitions)
    if archiving is not None:
        exits.callback(archiving.stop)
    worker = _make_worker(settings, catalog, store, partitions, archiving)
    if settings.health is not None:
        from longspan.health import start_health
        from longspan.readiness import Watched

        watched = Watched(worker.statistics, worker.pressure, carrier, partitions, settings.namespace)
        exits.callback(start_health(settings.health, watched, store).stop)
    collect_seldom()
    take_turns()
    worker.run(stop)


def _make_archive(settings: Settings, store: Store, partitions: int) -> "Archiving | None":
    """What writes to the archive, started; None where there is none."""
    if settings.archive is None:
        return None
    from longspan.archive import ArchiveFiles
    from streams.archiving import LINGER_MS, Archiving

    files = ArchiveFiles(settings.archive, settings.prefix, partitions)
    linger_ms = min(LINGER_MS, settings.retention_ms)
    archiving = Archiving(store.connect, store.keys, partitions, files.keep, linger_ms)
    archiving.start()
    logger.info("what retention removes is archived in %s", settings.archive)
    return archiving


def _make_worker(
    settings: Settings, catalog: "Catalog", store: Store, partitions: int, archive: "Archiving | None"
) -> "Worker":
    from machines.changes import Limits
    from spans.own_trace import own_trace
    from streams.statistics import Statistics
    from streams.worker import Worker, WorkerOptions

    options = WorkerOptions(
        lease_ms=settings.lease_ms,
        retention_ms=settings.retention_ms,
        cache=settings.cache,
        cache_bytes=settings.cache_bytes,
        outbox_limit=settings.outbox_limit,
        limits=Limits(
            early_wait_ms=settings.early_wait_ms,
            reorder_wait_ms=settings.reorder_wait_ms,
            waiting=settings.waiting_limit,
            parent_wait_ms=settings.parent_wait_ms,
            children=settings.children_limit,
            depth=settings.children_depth,
        ),
        name_trace=partial(own_trace, settings.namespace),
        archive=archive,
    )
    return Worker(store.connect, store.keys, partitions, catalog, options, _now_ms, Statistics(time.monotonic))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _end_by_signal(stop: threading.Event, carrier: CarrierProcess) -> None:
    def on_signal(number: int, _frame: Any) -> None:
        if stop.is_set():
            carrier.kill()
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
