"""The process of `longspan poll`: from the settings to a poller that runs until a signal comes."""

import logging
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

from longspan.memory import settle_memory
from longspan.polling.targets import make_targets
from longspan.settings import Settings
from longspan.store import Store, open_store

if TYPE_CHECKING:
    from longspan.health import Health
    from longspan.polling.composition import Polling
    from machines.catalog import Catalog

WAIT_SECONDS = 0.5

logger = logging.getLogger("longspan.poll")


def run(settings: Settings, catalog: "Catalog") -> None:
    """Poll until a signal comes. Raises SourceError, EmbeddedServerError, ListenError, redis.RedisError."""
    store = open_store(settings)
    from longspan.polling.composition import Polling, permission_of

    permission = permission_of(settings, os.environ)
    targets = make_targets(catalog, permission)
    stop = threading.Event()
    _end_by_signal(stop)
    health: Health | None = None
    try:
        logger.info("%s, prefix %s", store.shown, settings.prefix)
        logger.info("machines with a source: %s", ", ".join(targets.machines))
        partitions = _when_there(store, stop)
        if partitions is not None:
            polling = Polling(settings, store, partitions, targets, permission)
            health = _start_health(settings, polling, partitions)
            settle_memory()
            polling.run(stop)
    finally:
        if health is not None:
            health.stop()
        store.client.close()
    logger.info("stopped")


def _start_health(settings: Settings, polling: "Polling", partitions: int) -> "Health | None":
    if settings.health is None:
        return None
    from longspan.health import Health
    from longspan.polling.metrics import PollMetrics
    from longspan.polling.readiness import PollWatched

    watched = PollWatched(polling.statistics, partitions)
    return Health(settings.health, watched, PollMetrics(watched, settings.namespace)).start()


def _when_there(store: Store, stop: threading.Event) -> int | None:
    """The number of partitions, as soon as a worker has fixed it; None where `stop` is set before."""
    from streams.persistence import Persistence, when_loaded

    patience = Persistence(logger, "the start")
    told = False
    while not stop.is_set():
        partitions = when_loaded(lambda: store.partitions, patience, stop)
        if partitions is not None:
            return partitions
        if not told:
            told = True
            logger.info("no worker has ever started under this prefix: waiting for the first")
        stop.wait(WAIT_SECONDS)
    return None


def _end_by_signal(stop: threading.Event) -> None:
    def on_signal(number: int, _frame: Any) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
