"""Whether a worker lives and is ready, from what it noted itself: a probe asks no server, so it cannot hang."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from api.findings import Finding
from longspan.carrier_report import CarrierReport, RoutingReport
from longspan.export_report import ExportReport
from machines.instants import format_instant

if TYPE_CHECKING:
    from streams.pressure import Pressure
    from streams.statistics import Statistics

LIVE_SECONDS = 60.0  # a turn waits at most 10 s for Redis and 5 s before the next try, and folds for a few
STALE_SECONDS = 20.0
NEARLY_FULL = 0.9


class Carrier(Protocol):
    """The process that routes and exports, and the last that it told of its work."""

    report: CarrierReport

    def is_alive(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Watched:
    """The parts of a worker process that are asked: `partitions` is the number of all there are, `namespace` the tenant
    that it works for."""

    statistics: "Statistics"
    pressure: "Pressure"
    carrier: "Carrier"
    partitions: int
    namespace: str

    def is_live(self) -> bool:
        """As `is_live` says."""
        return is_live(self)

    def examine(self) -> Iterator[Finding]:
        """As `examine` says."""
        return examine(self)


def is_live(watched: Watched) -> bool:
    """Whether the worker's loop still turns, be it in vain: what Redis or the endpoint does makes nobody less alive."""
    statistics = watched.statistics
    return statistics.clock() - statistics.worker.turned < LIVE_SECONDS


def examine(watched: Watched) -> Iterator[Finding]:
    """One finding a check; the worker is ready where none of them is `fail`."""
    yield _examine_redis(watched.statistics)
    yield _examine_partitions(watched)
    yield _examine_pressure(watched.pressure)
    yield _examine_memory(watched.pressure)
    alive, report = watched.carrier.is_alive(), watched.carrier.report
    yield _examine_exporter(report.exporting) if alive else _gone("exporter")
    yield _examine_router(report.routing) if alive else _gone("router")


def _examine_redis(statistics: "Statistics") -> Finding:
    loop = statistics.worker
    if loop.trouble:
        return Finding("redis", "fail", f"the worker waits: {loop.trouble}", "longspan doctor")
    idle_seconds = statistics.clock() - loop.succeeded_at
    if idle_seconds > STALE_SECONDS:
        return Finding("redis", "fail", f"no turn of the worker for {idle_seconds:.0f} s", "longspan doctor")
    return Finding("redis", "ok", f"the last turn went well {idle_seconds:.1f} s ago")


def _examine_partitions(watched: Watched) -> Finding:
    statistics = watched.statistics
    held, share = len(statistics.held), statistics.share
    if share is None:
        return Finding("partitions", "fail", "none is held yet: this worker has just started")
    detail = f"{held} of {watched.partitions} are held, {share} are the fair share of {statistics.workers} workers"
    if held < share:
        remedy = "The rest comes within LONGSPAN_LEASE; if not, the log names the partitions that wait."
        return Finding("partitions", "fail" if not held else "warn", detail, remedy)
    return Finding("partitions", "ok", detail)


def _examine_pressure(pressure: "Pressure") -> Finding:
    waiting, full = sum(pressure.waiting.values()), sorted(pressure.full)
    if full:
        detail = f"{waiting} traces wait for the endpoint; at the limit and not read: partitions {_list(full)}"
        remedy = "Mend the endpoint (longspan doctor), or raise LONGSPAN_OUTBOX_LIMIT. No event is lost."
        return Finding("outbox", "fail", detail, remedy)
    return Finding("outbox", "ok", f"{waiting} traces wait for the endpoint, at most {pressure.limit} in a partition")


def _examine_memory(pressure: "Pressure") -> Finding:
    memory = pressure.memory
    if memory is None:
        return Finding("memory", "ok", "Redis has not been asked yet")
    if not memory.limit:
        return Finding("memory", "ok", f"Redis uses {_mebibytes(memory.used)}, its maxmemory is not set")
    detail = f"Redis uses {_mebibytes(memory.used)} of {_mebibytes(memory.limit)}"
    if memory.fullness < NEARLY_FULL:
        return Finding("memory", "ok", detail)
    remedy = "Raise maxmemory, shorten LONGSPAN_RETENTION, or mend the endpoint: a full Redis takes no more events."
    return Finding("memory", "warn" if memory.fullness < 1 else "fail", detail, remedy)


def _gone(check: str) -> Finding:
    return Finding(check, "fail", "its process does not run", "The log says why; it is started again by itself.")


def _examine_exporter(report: ExportReport) -> Finding:
    if report.unavailable_since_ms is not None:
        since = format_instant(report.unavailable_since_ms * 1_000_000)
        remedy = "Traces wait in Redis until it answers: longspan doctor"
        return Finding("exporter", "warn", f"the endpoint takes nothing since {since}: {report.last_error}", remedy)
    return Finding("exporter", "ok", f"its process runs and exports {report.held} partitions")


def _examine_router(report: RoutingReport) -> Finding:
    if report.trouble:
        return Finding("router", "fail", f"the router waits: {report.trouble}", "longspan doctor")
    return Finding("router", "ok", "this worker routes" if report.active else "stands by for another worker")


def _list(partitions: list[int]) -> str:
    shown = ", ".join(map(str, partitions[:10]))
    return shown if len(partitions) <= 10 else f"{shown} and {len(partitions) - 10} more"


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:.0f} MiB"
