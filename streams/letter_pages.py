"""Pages of dead letters, the newest first, in an order that stays the same while others come and go."""

import heapq
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from streams.aside import parse_place
from streams.client import Client
from streams.deadletters import DeadLetter, decode_letter
from streams.errors import CursorError
from streams.keys import Keys

MOST_LOOKED_AT = 1_000

_Place = tuple[int, int, int]  # ms, partition, number within the ms


class LetterPage(NamedTuple):
    """Dead letters, and the cursor of what comes behind them: None at the end. A page may be short, or empty, and still
    have a next one: a look at more would have taken too long."""

    letters: list[DeadLetter]
    next: str | None


def find_letters(
    client: Client, keys: Keys, partitions: int, *, reason: str | None = None, limit: int, cursor: str | None = None
) -> LetterPage:
    """The next page of the dead letters, or of those with a reason.

    Raises CursorError for a cursor that no page gave, redis.RedisError.
    """
    after = _read_cursor(cursor) if cursor is not None else None
    found: list[DeadLetter] = []
    place: _Place | None = None
    for looked, letter in enumerate(_walk(client, keys, partitions, after, limit)):
        if place is not None and (len(found) == limit or looked == MOST_LOOKED_AT):
            return LetterPage(found, _write_cursor(place))
        place = _place_of(letter)
        if reason in (None, letter.reason):
            found.append(letter)
    return LetterPage(found, None)


def _walk(client: Client, keys: Keys, partitions: int, after: _Place | None, limit: int) -> Iterator[DeadLetter]:
    """All behind a place. A few of each partition are read at a time, since each may hold 256 KiB."""
    count = limit // max(partitions, 1) + 2
    heap: list[tuple[int, int, int, DeadLetter]] = []

    def read(ends: Sequence[tuple[int, bytes]]) -> None:
        commands = (("XREVRANGE", keys.of(partition).dead, end, "-", "COUNT", count) for partition, end in ends)
        for (partition, _), entries in zip(ends, client.call_all(commands), strict=True):
            for index, entry in enumerate(entries):
                letter = decode_letter(partition, *entry)
                left[partition] = index + 1
                ms, _, number = _place_of(letter)
                heapq.heappush(heap, (-ms, -partition, -number, letter))

    left: dict[int, int] = {}
    read([(partition, _end(partition, after)) for partition in range(partitions)])
    while heap:
        _, negative, _, letter = heapq.heappop(heap)
        yield letter
        left[-negative] -= 1
        if not left[-negative]:
            read([(-negative, b"(" + letter.id.partition(".")[2].encode())])


def _end(partition: int, after: _Place | None) -> bytes:
    """Where to go on in a partition: places are in order of time, then of partition."""
    if after is None:
        return b"+"
    ms, last, number = after
    if partition == last:
        return b"(%d-%d" % (ms, number)
    return b"%d" % ms if partition < last else b"(%d-0" % ms


def _place_of(letter: DeadLetter) -> _Place:
    partition, _, entry_id = letter.id.partition(".")
    ms, _, number = entry_id.partition("-")
    return int(ms), int(partition), int(number)


def _write_cursor(place: _Place) -> str:
    ms, partition, number = place
    return f"{partition}.{ms}-{number}"


def _read_cursor(cursor: str) -> _Place:
    place = parse_place(cursor)
    ms, _, number = place[1].partition("-") if place is not None else ("0", "", "0")
    if place is None or not int(ms):
        raise CursorError(cursor)
    return int(ms), place[0], int(number)
