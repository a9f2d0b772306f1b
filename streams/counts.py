"""How many workflows there are: by status, and by state with the time that they have spent in it."""

from collections.abc import Sequence
from typing import NamedTuple

from streams.client import Client
from streams.errors import or_else
from streams.histogram import LONG_SECONDS
from streams.keys import Keys, PartitionKeys
from streams.scripts import COUNT


class StateCount(NamedTuple):
    """Open runs in one state: how many, since when (ms) the one that has been there longest, and how many have been
    there for at most each of LONG_SECONDS."""

    open: int
    oldest_ms: int
    within: tuple[int, ...]


class Counts(NamedTuple):
    """`statuses`: workflows by (machine, status); where no machine is known yet, it is empty.

    `states`: open runs by (machine, path of an innermost active state).
    """

    statuses: dict[tuple[str, str], int]
    states: dict[tuple[str, str], StateCount]


def count_states(client: Client, keys: Keys, partitions: int, now_ms: int) -> Counts:
    """Count in two round trips, at a cost that does not grow with the number of workflows. Raises redis.RedisError."""
    owned = [keys.of(partition) for partition in range(partitions)]
    replies = client.call_all((("SMEMBERS", one.indexes) for one in owned), raise_on_error=False)
    asked = [
        (one, names)
        for one, reply in zip(owned, replies, strict=True)
        if (names := [name for name in or_else(reply, []) if name.startswith((b"listed:", b"in:"))])
    ]
    since = [round(now_ms - seconds * 1_000) for seconds in LONG_SECONDS]
    answers = COUNT.call_each(client, [([one.index(name) for name in names], since) for one, names in asked])
    counts, width = Counts({}, {}), 2 + len(since)
    for (_, names), answer in zip(asked, answers, strict=True):
        if isinstance(answer, Exception):
            raise answer
        for place, name in enumerate(names):
            _add(counts, name.decode(errors="replace"), answer[place * width : (place + 1) * width])
    return counts


def find_running(client: Client, owned: Sequence[PartitionKeys]) -> list[list[bytes]]:
    """The indexes of running workflows, by start, that each partition has. Raises redis.RedisError."""
    replies = client.call_all((("SMEMBERS", one.indexes) for one in owned), raise_on_error=False)
    return [
        [one.index(name) for name in sorted(or_else(reply, [])) if name.startswith(b"listed:running:")]
        for one, reply in zip(owned, replies, strict=True)
    ]


def count_running(client: Client, keys: Keys, partitions: int) -> int:
    """How many workflows have begun and not ended. Raises redis.RedisError."""
    found = find_running(client, [keys.of(partition) for partition in range(partitions)])
    return sum(client.call_all(("ZCARD", index) for indexes in found for index in indexes))


def _add(counts: Counts, name: str, found: Sequence[int | bytes]) -> None:
    size, lowest, *within = found
    if not size:
        return
    kind, first, second = name.split(":", 2)
    if kind == "listed":
        counts.statuses[second, first] = counts.statuses.get((second, first), 0) + int(size)
        return
    one = StateCount(int(size), int(float(lowest)), tuple(map(int, within)))
    other = counts.states.get((first, second))
    if other is not None:
        both = tuple(left + right for left, right in zip(one.within, other.within, strict=True))
        one = StateCount(one.open + other.open, min(one.oldest_ms, other.oldest_ms), both)
    counts.states[first, second] = one
