"""What Prometheus reads: families of samples made from plain numbers, and the text that they come to.

prometheus_client is loaded by the first scrape: it takes 65 ms and 2.5 MB that a process without one need not spend.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol, TypeVar

from streams.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric

Names = TypeVar("Names", bound=tuple[str, ...])  # the values of labels, in their order


class Collector(Protocol):
    """What tells metrics, made anew for every scrape: nothing is counted twice, or kept for nobody."""

    def collect(self) -> "Iterable[Metric]": ...


def render(collector: Collector, accept: str) -> tuple[bytes, str]:
    """The text of all metrics and those of the process, in the format that an `Accept` header asks for, and its
    content type."""
    from prometheus_client import CollectorRegistry, ProcessCollector, exposition
    from prometheus_client.openmetrics import exposition as openmetrics

    registry = CollectorRegistry()
    registry.register(collector)
    ProcessCollector(registry=registry)
    if "application/openmetrics-text" in accept:
        text = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]  # left untyped there
        return text, openmetrics.CONTENT_TYPE_LATEST
    return exposition.generate_latest(registry), exposition.CONTENT_TYPE_PLAIN_0_0_4


def identity(namespace: str) -> "Metric":
    """Which Longspan tells all the others: its version, and its namespace, by which a dashboard chooses a tenant."""
    labels = ["version", "service_namespace"]
    return gauges("longspan_info", "Which Longspan tells the others.", labels, {(_version(), namespace): 1})


@cache
def _version() -> str:
    return version("longspan")


def gauge(name: str, help_text: str, value: float) -> "Metric":
    """One number that goes up and down."""
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(name, help_text, value=float(value))


def gauges(name: str, help_text: str, labels: Sequence[str], values: Mapping[Names, float]) -> "Metric":
    """One number for each combination of labels."""
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, help_text, labels=labels)
    for names, value in sorted(values.items()):
        family.add_metric(names, float(value))
    return family


def counter(name: str, help_text: str, value: float) -> "Metric":
    """One number that only grows; `_total` is added to its name."""
    from prometheus_client.core import CounterMetricFamily

    return CounterMetricFamily(name, help_text, value=float(value))


def counters(name: str, help_text: str, labels: Sequence[str], values: Mapping[Names, float]) -> "Metric":
    """One number that only grows for each combination of labels; `_total` is added to its name."""
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(name, help_text, labels=labels)
    for names, value in sorted(values.items()):
        family.add_metric(names, float(value))
    return family


def histogram(name: str, help_text: str, measured: Histogram) -> "Metric":
    """One histogram."""
    return histograms(name, help_text, (), {(): measured})


def histograms(name: str, help_text: str, labels: Sequence[str], measured: Mapping[Names, Histogram]) -> "Metric":
    """A histogram for each combination of labels."""
    from prometheus_client.core import HistogramMetricFamily

    family = HistogramMetricFamily(name, help_text, labels=labels)
    for names, one in sorted(measured.items()):
        counts, bounds = list(one.counts), [*map(str, map(float, one.bounds)), "+Inf"]
        buckets = [(bound, float(sum(counts[: index + 1]))) for index, bound in enumerate(bounds)]
        family.add_metric(names, buckets, one.sum)
    return family


def gauge_histograms(
    name: str,
    help_text: str,
    labels: Sequence[str],
    bounds: Sequence[float],
    counts: Mapping[Names, Sequence[int]],
) -> "Metric":
    """How many things there are now up to each of `bounds`, and in all, for each combination of labels.

    Unlike those of a histogram these numbers also fall: take quantiles of them as they are, without `rate`.
    """
    from prometheus_client import Metric

    family = Metric(name, help_text, "gaugehistogram")
    for names, within in sorted(counts.items()):
        told = dict(zip(labels, names, strict=True))
        for bound, count in zip([*map(str, map(float, bounds)), "+Inf"], within, strict=True):
            family.add_sample(f"{name}_bucket", {**told, "le": bound}, float(count))
    return family
