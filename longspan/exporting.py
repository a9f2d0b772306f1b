"""The exporter's process, `python -m longspan.exporting`: sends what the outbox holds until its stdin ends."""

import logging
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from longspan.endpoint import read_endpoint
from longspan.errors import FAILED, SettingsError
from longspan.export_report import Reporter, Timed
from longspan.failure import explain
from longspan.logs import log_to_stderr
from longspan.memory import collect_seldom
from longspan.settings import Settings, read_settings
from longspan.signin import as_exporter
from longspan.store import open_store
from longspan.tether import when_parent_ends

if TYPE_CHECKING:
    from spans.answer import Answer
    from spans.delivery import Delivery
    from streams.export_leases import ExportLeases

logger = logging.getLogger("longspan.exporter")

_STEADY_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Discarding:
    """Stands in for an endpoint where traces are switched off: what is handed to it counts as delivered."""

    def close(self) -> None:
        """There is nothing to close."""

    def send(self, spans: Sequence[bytes]) -> "Answer":
        """Accept spans and forget them."""
        from spans.answer import Delivered

        del spans
        return Delivered()


def main() -> int:
    """Export until the parent ends; the exit status."""
    # Ctrl-C reaches every process of a terminal: the parent decides when this one ends.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    stop = threading.Event()
    when_parent_ends(stop.set)
    reporter = Reporter()
    try:
        settings = read_settings(os.environ)
        log_to_stderr(settings.log_level, settings.log_format)
        _export(settings, stop, reporter)
    except Exception as error:
        failure = explain(error)
        if failure is None:
            logger.exception("the exporter failed")
            return FAILED
        logger.error("%s", failure.message)
        return failure.exit_status
    return 0


def _export(settings: Settings, stop: threading.Event, reporter: Reporter) -> None:
    store = open_store(as_exporter(settings))
    from opentelemetry.sdk.trace import SpanLimits

    from spans.errors import SpansError
    from spans.export import Exporter
    from streams.export_leases import ExportLeases
    from streams.layout import settle_partitions
    from streams.outbox import Outbox

    partitions = settle_partitions(store.client, store.keys, settings.partitions)
    try:
        limits = SpanLimits()
        sender = make_sender(settings)
    except (ValueError, SpansError) as error:
        raise SettingsError([f"an OTEL_* variable: {error}"]) from None
    timed = Timed(sender)
    renewing = store.connect()
    leases = ExportLeases(renewing, store.keys, partitions, settings.lease_ms, _steady_ms)
    exporter = Exporter(
        Outbox(store.client, store.keys, partitions),
        leases,
        timed,
        settings.namespace,
        limits,
        now_ms=_now_ms,
        spread=random.SystemRandom().random,
    )
    leases.tend()
    collect_seldom()

    def report() -> None:
        reporter.write(leases.held, exporter.tally, timed.took)

    ended = threading.Event()
    keeper = threading.Thread(target=leases.keep, args=(ended, report), name="leases")
    keeper.start()
    try:
        exporter.run(stop)
    finally:
        ended.set()
        keeper.join()
        _release(leases)
    sender.close()
    renewing.close()
    store.client.close()


def _release(leases: "ExportLeases") -> None:
    import redis

    from streams.errors import StreamsError

    try:
        leases.release()
    except (redis.RedisError, StreamsError) as error:
        logger.warning("what this process exports could not be handed over, it is free after LONGSPAN_LEASE: %s", error)


def make_sender(settings: Settings) -> "Delivery | Discarding":
    """What sends to the endpoint that OTEL_* names. Raises SpansError for a credential provider that is not there."""
    if read_endpoint(os.environ).url is None:
        return Discarding()
    from spans.credentials import load_session
    from spans.delivery import Delivery
    from spans.resource import describe_resource

    return Delivery(describe_resource(settings.namespace), time.time, load_session(os.environ))


def _steady_ms() -> int:
    """Since the machine was started, and where the system can tell, also while the machine itself was suspended."""
    return time.clock_gettime_ns(_STEADY_CLOCK) // 1_000_000


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    sys.exit(main())
