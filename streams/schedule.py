"""The index of deadlines: when each workflow's next one is due, and which are overdue."""

from collections.abc import Sequence
from typing import NamedTuple

from machines.timeouts import is_deadline
from machines.workflow import Workflow
from streams.client import Client
from streams.errors import or_else
from streams.keys import PartitionKeys

FIRED = 4_000_000_000_000_000  # added to the score of what fired and has not been applied yet
TELLING_MS = 1_000  # a history that is told afterwards has so long to be told before its deadlines fire


def due_ms(workflow: Workflow) -> int | None:
    """When the workflow's earliest deadline may fire, None where it has none.

    One that was overdue already when it was set waits a little: its events come one after another, and those that say
    what happened before it was due go first.
    """
    snapshot = workflow.snapshot
    if not snapshot.deadlines:
        return None
    key, due_ns = min(snapshot.deadlines.items(), key=lambda item: (item[1], item[0]))
    may_fire_ms = -(-due_ns // 1_000_000)
    if key in snapshot.overdue:
        may_fire_ms = max(may_fire_ms, snapshot.overdue[key] // 1_000_000 + TELLING_MS)
    return may_fire_ms


def score(workflow: Workflow) -> int | None:
    """The workflow's score in the index, None where it is not to be listed.

    One whose event waits for the machine has fired: it is not to fire again and again until that is loaded.
    """
    when_ms = due_ms(workflow)
    if when_ms is not None and workflow.is_parked and any(is_deadline(held.event) for held in workflow.held):
        return FIRED + when_ms
    return when_ms


class Overdue(NamedTuple):
    """A workflow whose deadline could have fired at `due_ms` and has not been applied; `fired` says whether it has."""

    due_ms: int
    workflow_id: str
    fired: bool


def count_overdue(client: Client, owned: Sequence[PartitionKeys], at_ms: int) -> int:
    """How many workflows have a deadline that was due at `at_ms` and has not been applied. Raises redis.RedisError."""
    counts = client.call_all(
        (
            ("ZCOUNT", keys.deadlines, base or "-inf", base + at_ms)  # all that fired are beyond all that have not
            for keys in owned
            for base in (0, FIRED)
        ),
        raise_on_error=False,
    )
    return sum(or_else(count, 0) for count in counts)


def list_overdue(client: Client, owned: Sequence[PartitionKeys], at_ms: int, limit: int | None = None) -> list[Overdue]:
    """The workflows that `count_overdue` counts, longest overdue first; at most `limit`. Raises redis.RedisError."""
    ranges = [(keys.deadlines, base) for keys in owned for base in (0, FIRED)]
    most = -1 if limit is None else limit
    replies = client.call_all(
        (("ZRANGEBYSCORE", key, base or "-inf", base + at_ms, "WITHSCORES", "LIMIT", 0, most) for key, base in ranges),
        raise_on_error=False,
    )
    found = [
        Overdue(round(float(scored)) - base, member.decode(errors="replace"), base > 0)
        for (_, base), reply in zip(ranges, (or_else(reply, []) for reply in replies), strict=True)
        for member, scored in zip(reply[::2], reply[1::2], strict=True)
    ]
    return sorted(found)[:limit]


def list_newly_due(
    client: Client, owned: Sequence[PartitionKeys], after_ms: int, at_ms: int, limit: int
) -> list[list[str]]:
    """For each of these partitions the workflows whose deadline became due behind `after_ms` and up to `at_ms`, and has
    not been applied, at most `limit`. Raises redis.RedisError."""
    replies = client.call_all(
        (
            ("ZRANGEBYSCORE", keys.deadlines, f"({base + after_ms}", base + at_ms, "LIMIT", 0, limit)
            for keys in owned
            for base in (0, FIRED)
        ),
        raise_on_error=False,
    )
    listed = [or_else(reply, []) for reply in replies]
    return [
        [member.decode(errors="replace") for member in waiting + fired]
        for waiting, fired in zip(listed[::2], listed[1::2], strict=True)
    ]
