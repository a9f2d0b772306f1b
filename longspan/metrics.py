"""The worker's metrics for Prometheus, made anew for every scrape: nothing is counted twice, or kept for nobody."""

import contextlib
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from api.exposition import counter, counters, gauge, gauges, histogram, histograms, identity, render
from longspan.export_report import ExportReport
from longspan.readiness import Carrier, Watched

if TYPE_CHECKING:
    from prometheus_client import Metric

    from streams.client import Client
    from streams.keys import Keys
    from streams.pressure import Pressure
    from streams.statistics import Statistics
    from streams.survey import Survey

FRESH_SECONDS = 1.0  # how long one look into Redis serves: several scrapers at once cost no more than one

_OF_PARTITIONS = (
    ("longspan_partition_unread_entries", "Events of the partition that are not folded yet.", "unread", 1),
    ("longspan_partition_lag_seconds", "How long the oldest of them has waited.", "lag_ms", 1_000),
    ("longspan_outbox_entries", "Commits of the partition whose traces wait for the endpoint.", "outbox", 1),
    ("longspan_outbox_oldest_age_seconds", "How long the oldest of them has waited.", "oldest_ms", 1_000),
)
_SUMS = (
    ("longspan_dead_letters", "Events that could not be applied.", "dead"),
    ("longspan_refused_spans", "Spans and requests that the endpoint refused for good.", "refused"),
    ("longspan_waiting_workflows", "Workflows with events that wait for earlier ones or for the start.", "waiting"),
    ("longspan_parked_workflows", "Workflows with events that wait for a machine to be loaded.", "parked"),
    ("longspan_messages_waiting", "What workflows have to say to parents and children, not delivered yet.", "messages"),
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
        return render(self, accept)

    def collect(self) -> "Iterator[Metric]":
        """Every metric, as prometheus_client wants it of a collector."""
        statistics, pressure = self._watched.statistics, self._watched.pressure
        yield identity(self._watched.namespace)
        yield from _describe_process(self._watched)
        yield from _describe_work(statistics)
        yield from _describe_pressure(pressure, statistics.held)
        yield from _describe_carrier(self._watched.carrier)
        seen = self._survey()
        yield gauge("longspan_redis_up", "Whether Redis answered this scrape.", seen is not None)
        if seen is not None:
            yield gauge("longspan_ingress_entries", "Events that are not routed yet, of all workers.", seen.ingress)
            age_seconds = seen.ingress_ms / 1_000
            yield gauge("longspan_ingress_oldest_age_seconds", "How long the first of them has waited.", age_seconds)
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
    statistics = watched.statistics
    idle_seconds = statistics.clock() - statistics.worker.succeeded_at
    yield gauge("longspan_partitions", "Partitions that there are.", watched.partitions)
    yield gauge("longspan_partitions_held", "Partitions that this worker holds.", len(statistics.held))
    yield gauge("longspan_partitions_share", "Partitions that it should hold.", statistics.share or 0)
    yield gauge("longspan_workers", "Workers that share the partitions.", statistics.workers)
    yield gauge("longspan_last_success_age_seconds", "Since the loop last went through without a fault.", idle_seconds)
    faults = {("worker",): statistics.worker.faults, ("router",): watched.carrier.report.routing.faults}
    yield counters("longspan_redis_faults", "Turns that failed because of Redis.", ["role"], faults)
    yield counter("longspan_lease_losses", "Partitions that another worker took from this one.", statistics.lost)


def _describe_work(statistics: "Statistics") -> "Iterator[Metric]":
    results = {(result,): count for result, count in dict(statistics.results).items()}
    yield counters("longspan_events", "Events folded, by what became of them.", ["result"], results)
    yield histogram("longspan_batch_duration_seconds", "Fold and commit of one batch.", statistics.batch_seconds)
    yield histogram("longspan_batch_entries", "Events in one batch.", statistics.batch_entries)
    yield histogram("longspan_commit_duration_seconds", "The commit of one batch alone.", statistics.commit_seconds)
    runs = dict(statistics.run_seconds)
    yield histograms("longspan_run_duration_seconds", "How long runs took.", ["machine", "outcome"], runs)


def _describe_pressure(pressure: "Pressure", held: Iterable[int]) -> "Iterator[Metric]":
    counts = pressure.waiting
    waiting = {(str(number),): counts[number] for number in held if number in counts}
    full = {(str(number),): number in pressure.full for number in held if number in counts}
    label = ["partition"]
    yield gauges("longspan_waiting_traces", "Traces of the partition that wait for the endpoint.", label, waiting)
    yield gauges("longspan_back_pressure", "Whether so many wait that the partition is not read.", label, full)
    yield gauge("longspan_waiting_traces_limit", "How many traces may wait in a partition.", pressure.limit)
    if pressure.memory is not None:
        yield gauge("longspan_redis_memory_used_bytes", "Memory that Redis uses.", pressure.memory.used)
        if pressure.memory.limit:
            yield gauge("longspan_redis_memory_limit_bytes", "Its maxmemory.", pressure.memory.limit)


def _describe_carrier(carrier: Carrier) -> "Iterator[Metric]":
    alive = carrier.is_alive()
    yield gauge("longspan_router_active", "Whether this worker routes.", alive and carrier.report.routing.active)
    yield gauge("longspan_exporter_up", "Whether its carrier runs, which exports and routes.", alive)
    if alive:
        yield from _describe_exporter(carrier.report.exporting)


def _describe_exporter(report: ExportReport) -> "Iterator[Metric]":
    answers = report.unavailable_since_ms is None
    yield gauge("longspan_exporter_partitions_held", "Partitions that it exports.", report.held)
    yield gauge("longspan_endpoint_up", "Whether the endpoint took the last request.", answers)
    spans = {("sent",): report.sent, ("rejected",): report.rejected, ("refused",): report.refused}
    yield counters("longspan_exported_spans", "Spans, by what became of them.", ["result"], spans)
    yield counter("longspan_unreadable_traces", "Runs without a trace.", report.unreadable)
    yield counter("longspan_export_retries", "Requests to the endpoint that were tries again.", report.retries)
    took = report.requests_took
    yield histogram("longspan_export_request_duration_seconds", "Requests to the endpoint: how long each took.", took)


def _describe_partitions(seen: "Survey") -> "Iterator[Metric]":
    found = seen.partitions
    for name, help_text, field, divisor in _OF_PARTITIONS:
        values = {(str(number),): getattr(one, field) / divisor for number, one in found.items()}
        yield gauges(name, help_text, ["partition"], values)
    for name, help_text, field in _SUMS:
        yield gauge(name, help_text, sum(getattr(one, field) for one in found.values()))
