"""The worker's second process, `python -m longspan.carrier`: it routes and exports until its stdin ends.

It begins when it is told to, by a line on stdin. What it does needs no fold, so it takes neither the processor nor
Python's lock from the process that folds.
"""

import logging
import os
import signal
import sys
import threading
import time

from longspan.carrier_report import CarrierReport, Reporter, RoutingReport
from longspan.errors import FAILED
from longspan.export_report import ExportReport
from longspan.exporting import export
from longspan.failure import explain
from longspan.logs import log_to_stderr
from longspan.settings import Settings, read_settings
from longspan.signin import as_exporter
from longspan.store import open_store
from longspan.tether import when_parent_ends
from longspan.threads import take_turns

logger = logging.getLogger("longspan.carrier")


def main() -> int:
    """Carry until the parent ends; the exit status."""
    # Ctrl-C reaches every process of a terminal: the parent decides when this one ends.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    go, stop = threading.Event(), threading.Event()

    def end() -> None:
        stop.set()
        go.set()

    when_parent_ends(end, told=go.set)
    reporter = Reporter()
    try:
        settings = read_settings(os.environ)
        log_to_stderr(settings.log_level, settings.log_format)
        _carry(settings, go, stop, reporter)
    except Exception as error:
        failure = explain(error)
        if failure is None:
            logger.exception("the carrier failed")
            return FAILED
        logger.error("%s", failure.message)
        return failure.exit_status
    return 0


def _carry(settings: Settings, go: threading.Event, stop: threading.Event, reporter: Reporter) -> None:
    store = open_store(settings)
    exporters_store = store if settings.exporter_redis_url is None else open_store(as_exporter(settings))
    from streams.layout import settle_partitions
    from streams.routing import Routing

    go.wait()
    if stop.is_set():
        return
    partitions = settle_partitions(store.client, store.keys, settings.partitions)
    take_turns()
    routing = Routing(store.connect, store.keys, partitions, settings.lease_ms, _now_ms)
    router = threading.Thread(target=routing.run, args=(stop,), name="router")
    router.start()

    def tell(report: ExportReport) -> None:
        loop = routing.loop
        reporter.write(CarrierReport(RoutingReport(routing.active, loop.trouble, loop.faults), report))

    try:
        # What an exporter needs takes a while to load: events are on their way by then.
        export(settings, exporters_store, partitions, stop, tell)
    finally:
        stop.set()
        router.join()
    store.client.close()
    exporters_store.client.close()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    sys.exit(main())
