"""The exporter of a test's stack, as a thread: what the exporter's process does, for one receiver."""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests
from opentelemetry.sdk.trace import SpanLimits

from longspan.testing import NAMESPACE
from spans.delivery import Delivery
from spans.export import Exporter
from spans.resource import describe_resource
from streams.client import Client
from streams.export_leases import ExportLeases
from streams.keys import Keys
from streams.outbox import Outbox

_LEASE_MS = 10_000
_BLOCK_MS = 20  # so long does the end of a test wait at most


class StackExport:
    """Exports to `endpoint` from `start` to `stop`; no variable of the environment changes how."""

    def __init__(self, connect: Callable[[], Client], keys: Keys, partitions: int, endpoint: str) -> None:
        self._stop = threading.Event()
        self._clients = [connect(), connect()]
        self._leases = ExportLeases(self._clients[0], keys, partitions, _LEASE_MS, _steady_ms)
        session = requests.Session()
        session.trust_env = False
        with _only({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}):
            self._delivery = Delivery(describe_resource(NAMESPACE), time.time, session)
            limits = SpanLimits()
        self._exporter = Exporter(
            Outbox(self._clients[1], keys, partitions),
            self._leases,
            self._delivery,
            NAMESPACE,
            limits,
            now_ms=lambda: time.time_ns() // 1_000_000,
            spread=random.SystemRandom().random,
        )
        self._threads = [
            threading.Thread(target=self._run, name="exporter"),
            threading.Thread(target=self._leases.keep, args=(self._stop,), name="leases"),
        ]

    def start(self) -> None:
        """Begin."""
        self._leases.tend()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the request in hand, and close everything."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._delivery.close()
        for client in self._clients:
            client.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._exporter.step(self._stop, _BLOCK_MS)


@contextmanager
def _only(variables: dict[str, str]) -> Iterator[None]:
    """OpenTelemetry reads its settings from the environment alone: for a moment there are no others than these."""
    before = {name: value for name, value in os.environ.items() if name.startswith("OTEL_")}
    for name in before:
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]
        os.environ.update(before)


def _steady_ms() -> int:
    return time.monotonic_ns() // 1_000_000
