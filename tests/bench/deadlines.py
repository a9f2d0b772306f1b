"""Deadlines: what many that lie ahead cost the events beside them, and how soon many due at once are applied."""

import json
import time
from pathlib import Path
from typing import Any

from machines.instants import format_instant
from streams.keys import Keys, partition_of
from tests.bench.measurement import PATIENCE_SECONDS, Bench, append
from tests.bench.processes import Group, started

PENDING = 100_000
DUE = 10_000
AHEAD_SECONDS = 8.0  # until those that are due at once are due: all of them must have been set by then
_MACHINES = {"pending": "30d", "due": "1h"}
_AFTER_SECONDS = 3_600


def write_documents(directory: Path) -> None:
    """Machines that do nothing but wait for a deadline."""
    for name, after in _MACHINES.items():
        document = {
            "machine": name,
            "version": 1,
            "starts_on": [f"com.example.{name}.submitted"],
            "deadlines": {"waiting": {"after": after, "send": "expire"}},
            "outcomes": {"expired": "timeout"},
            "chart": {
                "states": {
                    "waiting": {"transitions": [{"event": "expire", "target": "expired"}]},
                    "expired": {"final": True},
                }
            },
        }
        (directory / f"{name}.json").write_text(json.dumps(document))


def beside_pending(bench: Bench, prefix: str, workflows: int, pending: int) -> float:
    """Events a second of Longspan in partitions that have `pending` deadlines ahead."""
    contestant = bench.longspan(prefix)
    command, environment, stream = contestant
    with started(command, environment, bench.logs / f"{prefix}-setting.log") as group, bench.client() as client:
        append(client, stream, _starts("pending", [f"pending-{number}" for number in range(pending)], time.time_ns()))
        _wait_for_count(client, prefix, "deadlines", pending, group)
    return bench.throughput(contestant, workflows).events_per_second


def due_at_once(bench: Bench, prefix: str, count: int, *, together: bool) -> float:
    """Seconds from when `count` deadlines were due until all are applied; all in one partition if `together`."""
    command, environment, stream = bench.longspan(prefix)
    with started(command, environment, bench.logs / f"{prefix}.log") as group, bench.client() as client:
        append(client, stream, _starts("due", ["first"], time.time_ns()))
        _wait_for_count(client, prefix, "deadlines", 1, group)
        due_ns = time.time_ns() + round(AHEAD_SECONDS * 1e9)
        subjects = _choose(count, _partitions(client, prefix) if together else 1)
        append(client, stream, _starts("due", subjects, due_ns - _AFTER_SECONDS * 10**9))
        _wait_for_count(client, prefix, "deadlines", count + 1, group)
        if time.time_ns() >= due_ns:
            raise RuntimeError(f"{count} deadlines were not set within {AHEAD_SECONDS} s")
        _wait_for_count(client, prefix, "ended", count, group)
        return (time.time_ns() - due_ns) / 1e9


def _starts(machine: str, subjects: list[str], at_ns: int) -> list[dict[str, str]]:
    event_type, at = f"com.example.{machine}.submitted", format_instant(at_ns)
    return [{"id": "start", "type": event_type, "subject": subject, "time": at} for subject in subjects]


def _choose(count: int, partitions: int) -> list[str]:
    """That many ids of workflows of the first partition."""
    subjects: list[str] = []
    number = 0
    while len(subjects) < count:
        number += 1
        if partition_of(f"due-{number}", partitions) == 0:
            subjects.append(f"due-{number}")
    return subjects


def _partitions(client: Any, prefix: str) -> int:
    return int(client.hget(Keys(prefix).layout, "partitions") or 0)


def _wait_for_count(client: Any, prefix: str, kind: str, count: int, group: Group) -> None:
    """Wait until an index has `count` workflows in all partitions together. Raises RuntimeError when it never has."""
    keys = Keys(prefix)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        group.alive()
        pipeline = client.pipeline(transaction=False)
        for number in range(_partitions(client, prefix)):
            pipeline.zcard(getattr(keys.of(number), kind))
        if sum(pipeline.execute()) >= count:
            return
        time.sleep(0.02)
    raise RuntimeError(f"there were never {count} {kind} under {prefix}")
