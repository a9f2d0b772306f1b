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
from longspan.failure import explain
from longspan.logs import log_to_stderr
from longspan.memory import give_back
from longspan.settings import Settings, read_settings
from longspan.store import open_store
from longspan.tether import when_parent_ends

if TYPE_CHECKING:
    from spans.answer import Answer
    from spans.delivery import Delivery

logger = logging.getLogger("longspan.exporter")


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
    try:
        settings = read_settings(os.environ)
        log_to_stderr(settings.log_level)
        _export(settings, stop)
    except Exception as error:
        failure = explain(error)
        if failure is None:
            logger.exception("the exporter failed")
            return FAILED
        logger.error("%s", failure.message)
        return failure.exit_status
    return 0


def _export(settings: Settings, stop: threading.Event) -> None:
    store = open_store(settings)
    from opentelemetry.sdk.trace import SpanLimits

    from spans.errors import SpansError
    from spans.export import Exporter
    from streams.client import connect
    from streams.export_leases import ExportLeases
    from streams.layout import settle_partitions
    from streams.outbox import Outbox

    partitions = settle_partitions(store.client, store.keys, settings.partitions)
    try:
        limits = SpanLimits()
        sender = _make_sender(settings)
    except (ValueError, SpansError) as error:
        raise SettingsError([f"an OTEL_* variable: {error}"]) from None
    renewing = connect(store.url)
    leases = ExportLeases(renewing, store.keys, partitions, settings.lease_ms, _monotonic_ms)
    outbox = Outbox(store.client, store.keys, partitions, leases.nonce)
    exporter = Exporter(
        outbox,
        sender,
        settings.namespace,
        limits,
        now_ms=_now_ms,
        spread=random.SystemRandom().random,
        held=leases.held,
    )
    leases.step()
    give_back()
    ended = threading.Event()
    keeper = threading.Thread(target=leases.keep, args=(ended,), name="leases")
    keeper.start()
    try:
        exporter.run(stop)
    finally:
        ended.set()
        keeper.join()
        leases.release()
    sender.close()
    renewing.close()
    store.client.close()


def _make_sender(settings: Settings) -> "Delivery | Discarding":
    if read_endpoint(os.environ).url is None:
        return Discarding()
    from spans.credentials import load_session
    from spans.delivery import Delivery
    from spans.resource import describe_resource

    return Delivery(describe_resource(settings.namespace), time.time, load_session(os.environ))


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    sys.exit(main())
