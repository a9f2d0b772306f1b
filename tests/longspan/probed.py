"""What a worker notes of itself, written by a test, behind a real server."""

import http.client
import json
from typing import Any

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from longspan.carrier_report import CarrierReport
from longspan.export_report import REQUEST_SECONDS, ExportReport
from longspan.health import Health
from longspan.metrics import Metrics
from longspan.readiness import Watched
from streams.client import connect
from streams.histogram import Histogram
from streams.keys import Keys
from streams.pressure import Memory, Pressure
from streams.statistics import Statistics

PARTITIONS = 4


class Carrying:
    """What a worker knows of its carrier."""

    def __init__(self) -> None:
        self.alive = True
        took = Histogram(REQUEST_SECONDS)
        for seconds in (0.02, 0.02, 0.02, 0.04, 0.4):
            took.observe(seconds)
        exports = ExportReport(2, 30, 1, 2, 0, 5, 1, tuple(took.counts), took.sum)
        self.report = CarrierReport(exporting=exports)

    def is_alive(self) -> bool:
        """As the test says."""
        return self.alive


class Probed:
    """The notes of one worker. `now` is its clock."""

    def __init__(self, url: str, keys: Keys) -> None:
        self.now = 1_000.0
        self.carrier = Carrying()
        self.client = connect(url, timeout_seconds=1.0)
        self.statistics = Statistics(lambda: self.now)
        self.pressure = Pressure(self.client, keys, 100)
        watched = Watched(self.statistics, self.pressure, self.carrier, PARTITIONS, "acme")
        self.health = Health(("127.0.0.1", 0), watched, Metrics(watched, self.client, keys)).start()
        self.port = int(self.health.address.rpartition(":")[2])

    def work(self) -> None:
        """Note what a worker does that is well."""
        statistics = self.statistics
        statistics.held, statistics.share, statistics.workers = frozenset({0, 1}), 2, 2
        statistics.results = {"applied": 7, "late": 1}
        statistics.folded(8, self.now - 0.02)
        statistics.committed(0.002)
        statistics.ended([("job", "ok", 90_000_000_000), ("job", "error", 0)])
        statistics.worker.succeeded()
        self.pressure.step(statistics.held, 0)
        self.pressure.memory = Memory(50 << 20, 100 << 20)

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str, str]:
        """Status, content type and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
        finally:
            connection.close()

    def checks(self) -> tuple[int, dict[str, Any]]:
        """Status of the readiness, and its findings by check."""
        status, _, body = self.get("/readyz")
        return status, {check["check"]: check for check in json.loads(body)["checks"]}

    def metrics(self) -> dict[str, Metric]:
        """The metrics of Longspan, by name."""
        families = text_string_to_metric_families(self.get("/metrics")[2])
        return {family.name: family for family in families if family.name.startswith("longspan_")}
