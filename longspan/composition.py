"""The worker's processes put together: who is started, what they are given, and in which order they end."""

import logging
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from longspan.endpoint import read_endpoint
from longspan.errors import WRONG_USE
from longspan.exporter_process import ExporterProcess
from longspan.memory import give_back
from longspan.settings import Settings
from longspan.store import Store, open_store

if TYPE_CHECKING:
    from machines.catalog import Catalog
    from streams.worker import Worker

logger = logging.getLogger("longspan.worker")


def run(settings: Settings, catalog: "Catalog") -> None:
    """Work until a signal comes. Raises EmbeddedServerError, StreamsError and redis.RedisError at the start."""
    store = open_store(settings)
    from streams.client import check_server
    from streams.layout import settle_partitions

    server = check_server(store.client)
    partitions = settle_partitions(store.client, store.keys, settings.partitions)
    stop = threading.Event()
    exporter = ExporterProcess(store.url, give_up=stop.set)
    _end_by_signal(stop, exporter)
    exporter.start()
    try:
        logger.info("%s at %s, prefix %s, %d partitions", server, store.shown, settings.prefix, partitions)
        logger.info("machines: %s", ", ".join(f"{machine.name} {machine.version}" for machine in catalog))
        logger.info("traces of namespace %s go to %s", settings.namespace, read_endpoint(os.environ).shown)
        worker = _make_worker(settings, catalog, store, partitions)
        give_back()
        worker.run(stop)
    finally:
        exporter.stop()
        store.client.close()
    logger.info("stopped")
    if exporter.exit_status == WRONG_USE:
        sys.exit(WRONG_USE)


def _make_worker(settings: Settings, catalog: "Catalog", store: Store, partitions: int) -> "Worker":
    from machines.changes import Limits
    from streams.client import connect
    from streams.worker import Worker, WorkerOptions

    options = WorkerOptions(
        lease_ms=settings.lease_ms,
        retention_ms=settings.retention_ms,
        cache=settings.cache,
        limits=Limits(
            early_wait_ms=settings.early_wait_ms,
            reorder_wait_ms=settings.reorder_wait_ms,
            waiting=settings.waiting_limit,
        ),
    )
    return Worker(lambda: connect(store.url), store.keys, partitions, catalog, options, _now_ms)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _end_by_signal(stop: threading.Event, exporter: ExporterProcess) -> None:
    def on_signal(number: int, _frame: Any) -> None:
        if stop.is_set():
            exporter.kill()
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
