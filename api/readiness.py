"""Whether the API can serve, and how the work goes that it tells of."""

from collections.abc import Collection, Iterator

from api.findings import Finding
from machines.durations import format_duration
from streams.pollers import Attendance
from streams.survey import Survey

OLD_MS = 60_000
_SHOWN = 10


def examine(seen: Survey | None, trouble: str = "") -> Iterator[Finding]:
    """One finding a check; only where one of them is `fail` can this process not serve.

    `seen` is all partitions, None where Redis does not answer: `trouble` says why then. What workers, pollers, the
    exporter or the endpoint do makes no API process less fit: to take it out of service would hide what it has to say
    of them.
    """
    if seen is None:
        yield Finding("redis", "fail", trouble, "See LONGSPAN_REDIS_URL and the network: longspan doctor")
        return
    yield Finding("redis", "ok", "it answers")
    if not seen.partitions:
        yield Finding("workers", "warn", "none has ever started under this prefix", "Start one: longspan worker")
        return
    yield _examine_holders("workers", "worker", [number for number, one in seen.partitions.items() if not one.worked])
    yield _examine_lag(seen)
    yield _examine_holders("exporters", "exporter", [key for key, one in seen.partitions.items() if not one.exported])
    yield _examine_export(seen)


def examine_pollers(seen: Attendance) -> Finding:
    """Whether there is a poller wherever one is needed: nobody has to have any, where all events are pushed."""
    if seen.unattended:
        remedy = "They move within LONGSPAN_LEASE if a poller is there, else start one: longspan poll"
        return Finding("pollers", "warn", f"no poller holds partitions {_name(seen.unattended)}", remedy)
    return Finding("pollers", "ok", f"{seen.running} workflows are to be polled, {len(seen.pollers)} pollers are there")


def _examine_holders(check: str, role: str, free: Collection[int]) -> Finding:
    if not free:
        return Finding(check, "ok", "every partition has one")
    remedy = "They move within LONGSPAN_LEASE if a worker is there, else start one: longspan worker"
    return Finding(check, "warn", f"no {role} holds partitions {_name(free)}", remedy)


def _name(partitions: Collection[int]) -> str:
    more = f" and {len(partitions) - _SHOWN} more" if len(partitions) > _SHOWN else ""
    return ", ".join(map(str, sorted(partitions)[:_SHOWN])) + more


def _examine_lag(seen: Survey) -> Finding:
    waiting = seen.ingress + sum(one.unread for one in seen.partitions.values())
    oldest_ms = max(seen.ingress_ms, *(one.lag_ms for one in seen.partitions.values()))
    if not waiting:
        return Finding("lag", "ok", "every event is folded")
    detail = f"{waiting} events are not folded yet, the oldest for {format_duration(oldest_ms * 1_000_000)}"
    if oldest_ms <= OLD_MS:
        return Finding("lag", "ok", detail)
    return Finding("lag", "warn", detail, "States are as old as that: see the workers' logs, or start more of them.")


def _examine_export(seen: Survey) -> Finding:
    depth = sum(one.outbox for one in seen.partitions.values())
    oldest_ms = max(one.oldest_ms for one in seen.partitions.values())
    if not depth:
        return Finding("export", "ok", "every finished trace has been accepted")
    detail = f"{depth} commits wait for the endpoint, the oldest for {format_duration(oldest_ms * 1_000_000)}"
    if oldest_ms <= OLD_MS:
        return Finding("export", "ok", detail)
    return Finding("export", "warn", detail, "See the endpoint, and the workers' logs: longspan doctor")
