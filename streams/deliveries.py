"""What was delivered: runs that the endpoint has taken whole, and those of which it has a part, in a fixed order."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from streams.candidates import Position
from streams.client import Client
from streams.commit import UNDELIVERED
from streams.keys import Keys, partition_of, run_member, split_run_member
from streams.status import find_workflow, read_views
from streams.walks import Ranked

PAGE = 200  # runs that are looked up at once
_RUNS_AT_ONCE = 16
_ENDED = b"ended"


class Part(NamedTuple):
    """How much of a run was sent: what ended within its first `entries` journal entries, header included, and of what
    the others end the first `spans`."""

    entries: int
    spans: int


class Delivery(NamedTuple):
    """A run of which the endpoint has taken something: all of it at `at_ms`, or a `part`."""

    partition: int
    workflow_id: str
    run: int
    at_ms: int | None
    part: Part | None = None


class Waymark(NamedTuple):
    """How far a walk has come; what was delivered after `until_ms` is not part of it.

    Of all partitions the runs in parts come first, by their names (`member`), while `ms` is None; then of all
    partitions the whole ones, newest first: `ms` is when the last one that was told was delivered.
    """

    until_ms: int
    partition: int
    member: str
    ms: int | None = None


Page = list[tuple[Waymark, Delivery]]
ReadPart = Callable[[bytes], Part | None]  # from a trace state; None where it cannot be read


def walk_deliveries(
    client: Client,
    keys: Keys,
    partitions: int,
    read_part: ReadPart,
    now_ms: Callable[[], int],
    after: Waymark | None = None,
) -> Iterator[Page]:
    """Pages of all that was delivered before the walk began, each run with its place. Raises redis.RedisError."""
    parts: dict[str, Delivery] = {}
    if after is None or after.ms is None:
        for partition in range(partitions):
            parts |= {
                run_member(part.workflow_id, part.run).decode(): part
                for part in _list_parts(client, keys, partition, read_part)
            }
    until_ms = now_ms() if after is None else after.until_ms
    if after is None or after.ms is None:
        begin = (after.partition, after.member) if after is not None else (-1, "")
        places = sorted((part.partition, member) for member, part in parts.items())
        waiting = [place for place in places if place > begin]
        for start in range(0, len(waiting), PAGE):
            yield [(Waymark(until_ms, *place), parts[place[1]]) for place in waiting[start : start + PAGE]]
        after = None
    for partition in range(after.partition if after is not None else 0, partitions):
        position = Position(until_ms + 1, b"")
        if after is not None and after.ms is not None and after.partition == partition:
            position = Position(after.ms, after.member.encode())
        ended = Ranked(client, keys, {partition: [_ENDED]})
        while candidates := ended.below(position, PAGE):
            position = candidates[-1].position
            told = [(place.workflow_id.decode(errors="replace"), place.ms) for place, _ in candidates]
            yield [
                (
                    Waymark(until_ms, partition, member, ms),
                    Delivery(partition, *split_run_member(member.encode()), ms),
                )
                for member, ms in told
                if member not in parts
            ]


def find_deliveries(
    client: Client, keys: Keys, partitions: int, runs: Sequence[tuple[str, int]], read_part: ReadPart
) -> list[Delivery | None]:
    """What was delivered of these runs; None where nothing was. Raises redis.RedisError."""
    places = [(partition_of(name, partitions), name, run) for name, run in runs]
    # In this order: a run that is delivered in between has not lost its trace state unnoticed.
    replies = client.call_all(
        command
        for partition, name, run in places
        for command in (
            ("GET", keys.of(partition).trace(name, run)),
            ("ZSCORE", keys.of(partition).ended, run_member(name, run)),
        )
    )
    found: list[Delivery | None] = []
    for (partition, name, run), state, score in zip(places, replies[::2], replies[1::2], strict=True):
        at_ms = None if score is None else int(float(score))
        part = None if state is None else read_part(state)
        if at_ms is not None and at_ms < UNDELIVERED:
            found.append(Delivery(partition, name, run, at_ms))
        else:
            found.append(None if part is None else Delivery(partition, name, run, None, part))
    return found


def find_runs(client: Client, keys: Keys, partitions: int, workflow_id: str) -> list[int]:
    """The runs of a workflow whose journals there are, the last first. Raises SnapshotError, redis.RedisError."""
    view = find_workflow(client, keys, partitions, workflow_id)
    owned = keys.of(partition_of(workflow_id, partitions))
    runs: list[int] = []
    newest = view.snapshot.run if view is not None else 0
    while newest > 0:
        asked = range(newest, max(0, newest - _RUNS_AT_ONCE), -1)
        there = client.call_all(("EXISTS", owned.journal(workflow_id, run)) for run in asked)
        runs += [run for run, exists in zip(asked, there, strict=True) if exists]
        newest = newest - _RUNS_AT_ONCE if any(there) else 0  # retention takes the oldest first
    return runs


def _list_parts(client: Client, keys: Keys, partition: int, read_part: ReadPart) -> Iterator[Delivery]:
    """Runs that go on, or wait for the endpoint, of which something was sent."""
    owned = keys.of(partition)
    cursor: bytes | int = 0
    while True:
        cursor, entries = client.call("ZSCAN", owned.open, cursor, "COUNT", PAGE)
        views = read_views(client, keys, [(partition, name.decode(errors="replace")) for name in entries[::2]])
        runs = [(view.id, view.snapshot.run) for view in views if view is not None]
        yield from _in_parts(client, keys, partition, runs, read_part)
        if int(cursor) == 0:
            break
    position = Position(UNDELIVERED + 1, b"")
    unsent = Ranked(client, keys, {partition: [_ENDED]}, UNDELIVERED)
    while candidates := unsent.below(position, PAGE):
        position = candidates[-1].position
        runs = [split_run_member(place.workflow_id) for place, _ in candidates]
        yield from _in_parts(client, keys, partition, runs, read_part)


def _in_parts(
    client: Client, keys: Keys, partition: int, runs: Sequence[tuple[str, int]], read_part: ReadPart
) -> Iterator[Delivery]:
    owned = keys.of(partition)
    states = client.call("MGET", *(owned.trace(*run) for run in runs)) if runs else []
    for (workflow_id, run), state in zip(runs, states, strict=True):
        part = None if state is None else read_part(state)
        if part is not None:
            yield Delivery(partition, workflow_id, run, None, part)
