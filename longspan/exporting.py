"""The exporter put together: it sends what the outbox holds to the endpoint that OTEL_* names."""

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from longspan.endpoint import read_endpoint
from longspan.errors import SettingsError
from longspan.export_report import ExportReport, Timed, report_exports
from longspan.memory import collect_seldom
from longspan.settings import Settings
from longspan.store import Store

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


def export(
    settings: Settings,
    store: Store,
    partitions: int,
    stop: threading.Event,
    tell: Callable[[ExportReport], None],
) -> None:
    """Export until `stop` is set, and `tell` how things stand, every second at the latest where Redis answers.

    Raises SettingsError, redis.RedisError and StreamsError at the start.
    """
    from opentelemetry.sdk.trace import SpanLimits

    from spans.errors import SpansError
    from spans.export import Exporter
    from streams.export_leases import ExportLeases
    from streams.outbox import Outbox

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
        tell(report_exports(leases.held, exporter.tally, timed.took))

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
