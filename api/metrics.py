"""The API's metrics: of its own requests, and of all workflows, which no single worker can tell."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import add
from typing import TYPE_CHECKING, TypeVar

from api.exposition import counters, gauge, gauge_histograms, gauges, histograms, identity
from api.service import Service
from api.traffic import OTHER, Traffic
from streams.counts import Counts, StateCount
from streams.histogram import LONG_SECONDS
from streams.survey import Survey

if TYPE_CHECKING:
    from prometheus_client import Metric

MOST_PLACES = 500  # machines with a status, or with a state, that are told apart

Place = tuple[str, str]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Metrics:
    """One scrape. `seen` and `counted` are None where Redis did not answer it; they were read at `now_ms`."""

    service: Service
    seen: Survey | None
    counted: Counts | None
    now_ms: int

    def collect(self) -> "Iterator[Metric]":
        """Every metric, as prometheus_client wants it of a collector."""
        waiting = self.service.reader.waiting
        yield identity(self.service.options.namespace)
        yield from _describe_traffic(self.service.traffic, self.service.live.watching)
        yield gauge("longspan_http_requests_waiting", "Requests that wait for Redis or for a thread.", waiting)
        answered = self.seen is not None and self.counted is not None
        yield gauge("longspan_redis_up", "Whether Redis answered this scrape.", answered)
        if self.seen is not None:
            yield from _describe_holders(self.seen)
        if self.counted is not None:
            yield from _describe_workflows(self.counted, self.now_ms)


def _describe_traffic(traffic: Traffic, watching: int) -> "Iterator[Metric]":
    labels = ["method", "route", "status"]
    yield counters("longspan_http_requests", "Requests answered.", labels, dict(traffic.requests))
    help_text = "How long answers took to make."
    yield histograms("longspan_http_request_duration_seconds", help_text, labels[:2], dict(traffic.seconds))
    yield gauge("longspan_watchers", "Streams of server-sent events that are open.", watching)
    intake = {(result,): count for result, count in dict(traffic.intake).items()}
    yield counters("longspan_intake_events", "Events sent to the API, by what became of them.", ["result"], intake)


def _describe_holders(seen: Survey) -> "Iterator[Metric]":
    partitions = seen.partitions.values()
    free = {
        ("worker",): sum(not one.worked for one in partitions),
        ("exporter",): sum(not one.exported for one in partitions),
    }
    yield gauges("longspan_partitions_free", "Partitions that nobody holds.", ["role"], free)


def _describe_workflows(counted: Counts, now_ms: int) -> "Iterator[Metric]":
    states = _bounded(counted.states, _together)
    labels = ["machine", "state"]
    statuses = _bounded(counted.statuses, add)
    yield gauges("longspan_workflows", "Workflows that Redis holds.", ["machine", "status"], statuses)
    opened = {place: one.open for place, one in states.items()}
    yield gauges("longspan_open_workflows", "Open runs, by the innermost state that they are in.", labels, opened)
    longest = {place: max(0, now_ms - one.oldest_ms) / 1_000 for place, one in states.items()}
    help_text = "How long the one has been there that has been there longest."
    yield gauges("longspan_time_in_state_longest_seconds", help_text, labels, longest)
    within = {place: (*one.within, one.open) for place, one in states.items()}
    help_text = "How long open runs have been in that state."
    yield gauge_histograms("longspan_time_in_state_seconds", help_text, labels, LONG_SECONDS, within)


def _bounded(counts: Mapping[Place, T], together: Callable[[T, T], T]) -> dict[Place, T]:
    """The first MOST_PLACES, and all others taken together."""
    told: dict[Place, T] = {}
    for index, (place, count) in enumerate(sorted(counts.items())):
        under = place if index < MOST_PLACES else (OTHER, OTHER)
        told[under] = together(told[under], count) if under in told else count
    return told


def _together(one: StateCount, other: StateCount) -> StateCount:
    within = tuple(map(add, one.within, other.within))
    return StateCount(one.open + other.open, min(one.oldest_ms, other.oldest_ms), within)
