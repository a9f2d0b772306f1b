"""The worker's metrics for Prometheus, made anew for every scrape: nothing is counted twice, or kept for nobody."""

import contextlib
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from longspan.readiness import Exporter, Watched

if TYPE_CHECKING:
    from prometheus_client import Metric

    from streams.client import Client
    from streams.keys import Keys
    from streams.pressure import Pressure
    from streams.statistics import Histogram, Statistics
    from streams.survey import PartitionSurvey, Survey

FRESH_SECONDS = 1.0  # how long one look into Redis serves: several scrapers at once cost no more than one

_OF_PARTITIONS = (
    ("longspan_partition_unread_entries", "Events of the partition that are not folded yet.", "unread", 1),
    ("longspan_outbox_entries", "Commits of the partition whose traces wait for the endpoint.", "outbox", 1),
    ("longspan_outbox_oldest_age_seconds", "How long the oldest of them has waited.", "oldest_ms", 1_000),
)
_SUMS = (
    ("longspan_dead_letters", "Events that could not be applied.", "dead"),
    ("longspan_refused_spans", "Spans and requests that the endpoint refused for good.", "refused"),
    ("longspan_waiting_workflows", "Workflows with events that wait for earlier ones or for the start.", "waiting"),
    ("longspan_parked_workflows", "Workflows with events that wait for a machine to be loaded.", "parked"),
    ("longspan_deadlines_pending", "Workflows with a deadline ahead.", "deadlines"),
    ("longspan_deadlines_overdue", "Workflows with a deadline that is due and has not fired yet.", "overdue"),
)


class Metrics:
    """What `/metrics` says. `client` is for its own use, and gives a server that hangs up soon."""

    def __init__(self, watched: Watched, client: "Client", keys: "Keys") -> None:
        self._watched = watched
        self._client = client
        self._keys = keys
        self._lock = threading.Lock()
        self._seen: tuple[float, Survey | None] | None = None

    def render(self, accept: str) -> tuple[bytes, str]:
        """The text, in the format that an `Accept` header asks for, and its content type."""
        # Here, since it takes 65 ms and 2.5 MB that a worker without a scraper need not spend.
        from prometheus_client import CollectorRegistry, ProcessCollector, exposition
        from prometheus_client.openmetrics import exposition as openmetrics

        registry = CollectorRegistry()
        registry.register(self)
        ProcessCollector(registry=registry)
        if "application/openmetrics-text" in accept:
            text = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]  # left untyped there
            return text, openmetrics.CONTENT_TYPE_LATEST
        return exposition.generate_latest(registry), exposition.CONTENT_TYPE_PLAIN_0_0_4

    def collect(self) -> "Iterator[Metric]":
        """Every metric, as prometheus_client wants it of a collector."""
        statistics, pressure = self._watched.statistics, self._watched.pressure
        yield from _describe_process(self._watched)
        yield from _describe_events(statistics)
        yield from _describe_pressure(pressure, statistics.held)
        yield from _describe_exporter(self._watched.exporter)
        seen = self._survey()
        yield _gauge("longspan_redis_up", "Whether Redis answered this scrape.", seen is not None)
        if seen is not None:
            yield _gauge("longspan_ingress_entries", "Events that are not routed yet, of all workers.", seen.ingress)
            yield from _describe_partitions(seen)

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def _survey(self) -> "Survey | None":
        """What Redis says, or said just now; None where it does not answer."""
        import redis

        from streams.survey import survey

        with self._lock:
            now = self._watched.statistics.clock()
            if self._seen is None or not now - FRESH_SECONDS < self._seen[0] <= now:
                found = None
                with contextlib.suppress(redis.RedisError):
                    found = survey(self._client, self._keys, self._watched.statistics.held)
                self._seen = self._watched.statistics.clock(), found
            return self._seen[1]


def _describe_process(watched: Watched) -> "Iterator[Metric]":
    from prometheus_client.core import CounterMetricFamily

    statistics = watched.statistics
    idle_seconds = statistics.clock() - statistics.worker.succeeded_at
    yield _gauge("longspan_partitions", "Partitions that there are.", watched.partitions)
    yield _gauge("longspan_partitions_held", "Partitions that this worker holds.", len(statistics.held))
    yield _gauge("longspan_partitions_share", "Partitions that it should hold.", statistics.share or 0)
    yield _gauge("longspan_workers", "Workers that share the partitions.", statistics.workers)
    yield _gauge("longspan_router_active", "Whether this worker routes.", statistics.routing)
    yield _gauge("longspan_last_success_age_seconds", "Since the loop last went through without a fault.", idle_seconds)
    faults = CounterMetricFamily("longspan_redis_faults", "Turns that failed because of Redis.", labels=["role"])
    faults.add_metric(["worker"], statistics.worker.faults)
    faults.add_metric(["router"], statistics.router.faults)
    yield faults
    yield CounterMetricFamily(
        "longspan_lease_losses", "Partitions that another worker took from this one.", value=statistics.lost
    )


def _describe_events(statistics: "Statistics") -> "Iterator[Metric]":
    from prometheus_client.core import CounterMetricFamily

    events = CounterMetricFamily("longspan_events", "Events folded, by what became of them.", labels=["result"])
    for result, count in sorted(dict(statistics.results).items()):
        events.add_metric([result], count)
    yield events
    yield _histogram("longspan_batch_duration_seconds", "Fold and commit of one batch.", statistics.batch_seconds)
    yield _histogram("longspan_batch_entries", "Events in one batch.", statistics.batch_entries)


def _describe_pressure(pressure: "Pressure", held: Iterable[int]) -> "Iterator[Metric]":
    from prometheus_client.core import GaugeMetricFamily

    waiting = GaugeMetricFamily(
        "longspan_waiting_traces", "Traces of the partition that wait for the endpoint.", labels=["partition"]
    )
    full = GaugeMetricFamily(
        "longspan_back_pressure", "Whether that many wait that the partition is not read.", labels=["partition"]
    )
    counts = pressure.waiting
    for partition in sorted(number for number in held if number in counts):
        waiting.add_metric([str(partition)], counts[partition])
        full.add_metric([str(partition)], partition in pressure.full)
    yield waiting
    yield full
    yield _gauge("longspan_waiting_traces_limit", "How many traces may wait in a partition.", pressure.limit)
    if pressure.memory is not None:
        yield _gauge("longspan_redis_memory_used_bytes", "Memory that Redis uses.", pressure.memory.used)
        if pressure.memory.limit:
            yield _gauge("longspan_redis_memory_limit_bytes", "Its maxmemory.", pressure.memory.limit)


def _describe_exporter(exporter: Exporter) -> "Iterator[Metric]":
    from prometheus_client.core import CounterMetricFamily

    report, alive = exporter.report, exporter.is_alive()
    yield _gauge("longspan_exporter_up", "Whether its exporter's process runs.", alive)
    if not alive:
        return
    answers = report.unavailable_since_ms is None
    yield _gauge("longspan_exporter_partitions_held", "Partitions that it exports.", report.held)
    yield _gauge("longspan_endpoint_up", "Whether the endpoint took the last request.", answers)
    spans = CounterMetricFamily("longspan_exported_spans", "Spans, by what became of them.", labels=["result"])
    for result, count in (("sent", report.sent), ("rejected", report.rejected), ("refused", report.refused)):
        spans.add_metric([result], count)
    yield spans
    yield CounterMetricFamily("longspan_unreadable_traces", "Runs without a trace.", value=report.unreadable)
    yield CounterMetricFamily("longspan_export_requests", "Requests to the endpoint.", value=report.requests)
    yield CounterMetricFamily("longspan_export_retries", "Of these, tries again.", value=report.retries)
    yield CounterMetricFamily("longspan_export_request_seconds", "What they took.", value=report.request_seconds)


def _describe_partitions(seen: "Survey") -> "Iterator[Metric]":
    from prometheus_client.core import GaugeMetricFamily

    partitions = sorted(seen.partitions.items())
    for name, help_text, field, divisor in _OF_PARTITIONS:
        family = GaugeMetricFamily(name, help_text, labels=["partition"])
        for number, found in partitions:
            family.add_metric([str(number)], _read(found, field) / divisor)
        yield family
    for name, help_text, field in _SUMS:
        yield _gauge(name, help_text, sum(_read(found, field) for _, found in partitions))


def _read(found: "PartitionSurvey", field: str) -> int:
    value = getattr(found, field)
    assert isinstance(value, int)
    return value


def _gauge(name: str, help_text: str, value: float) -> "Metric":
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(name, help_text, value=float(value))


def _histogram(name: str, help_text: str, histogram: "Histogram") -> "Metric":
    from prometheus_client.core import HistogramMetricFamily

    counts, bounds = list(histogram.counts), [*map(str, map(float, histogram.bounds)), "+Inf"]
    buckets = [(bound, float(sum(counts[: index + 1]))) for index, bound in enumerate(bounds)]
    return HistogramMetricFamily(name, help_text, buckets=buckets, sum_value=histogram.sum)
