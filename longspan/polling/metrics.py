"""The poller's metrics for Prometheus, made anew for every scrape."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from api.exposition import counters, gauge, gauges, histogram, identity, render
from longspan.polling.readiness import PollWatched

if TYPE_CHECKING:
    from prometheus_client import Metric


class PollMetrics:
    """What `/metrics` of a poller says."""

    def __init__(self, watched: PollWatched, namespace: str) -> None:
        self._watched = watched
        self._namespace = namespace

    def render(self, accept: str) -> tuple[bytes, str]:
        """The text, in the format that an `Accept` header asks for, and its content type."""
        return render(self, accept)

    def close(self) -> None:
        """Nothing is open."""

    def collect(self) -> "Iterator[Metric]":
        """Every metric, as prometheus_client wants it of a collector."""
        statistics = self._watched.statistics
        yield identity(self._namespace)
        yield gauge("longspan_partitions", "Partitions that there are.", self._watched.partitions)
        yield gauge("longspan_poller_partitions_held", "Partitions that this poller polls.", statistics.held)
        yield gauge("longspan_pollers", "Pollers that share the partitions.", statistics.members)
        polled = {(machine,): count for machine, count in dict(statistics.polled).items()}
        yield gauges("longspan_polled_workflows", "Workflows that are polled.", ["machine"], polled)
        troubled = dict(statistics.troubled)
        text = "Workflows that cannot be polled as they should, by what is wrong."
        yield gauges("longspan_poll_troubled_workflows", text, ["machine", "kind"], troubled)
        text = "Lists of machines that cannot be polled as they should, by what is wrong."
        yield gauges("longspan_poll_troubled_lists", text, ["machine", "kind"], dict(statistics.troubled_lists))
        answers = dict(statistics.answers)
        yield counters("longspan_poll_answers", "Requests, by what came of them.", ["machine", "result"], answers)
        events = {(result,): count for result, count in dict(statistics.events).items()}
        text = "Events that answers told of: sent, or known to the journals already."
        yield counters("longspan_poll_events", text, ["result"], events)
        yield gauge("longspan_poll_requests_under_way", "Requests that wait for their answer.", statistics.under_way)
        yield gauge("longspan_poll_hosts_paused", "Hosts that are left alone for a while.", len(statistics.hosts))
        text = "How long a request took."
        yield histogram("longspan_poll_request_duration_seconds", text, statistics.request_seconds)
        text = "How long after its time a request began."
        yield histogram("longspan_poll_lateness_seconds", text, statistics.late_seconds)
        faults = {("watch",): statistics.watch.faults, ("events",): statistics.sink.faults}
        yield counters("longspan_redis_faults", "Turns that failed because of Redis.", ["role"], faults)
