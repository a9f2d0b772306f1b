"""The feed: which workflows have changed since a position in each partition's stream of changes."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from streams.client import Client, read_streams
from streams.commit import CHANGES_KEPT
from streams.errors import UNREADABLE, KeyTypeError, or_else
from streams.exchange import Command
from streams.keys import Keys
from streams.resting import Resting

START = b"0-0"  # the position in a stream that has never held anything
MOST_ENTRIES = 1_000  # of one stream in one look

logger = logging.getLogger(__name__)
_decode = msgspec.msgpack.Decoder(list[str]).decode


class Behind(NamedTuple):
    """What a stream of changes holds behind a position: the ids of workflows, each once, and the position then.

    Not `whole` where others may have changed as well: the position is older than what the stream still holds, or Redis
    has lost its data, or a newer version of Longspan wrote there.
    """

    changed: list[str]
    position: bytes
    whole: bool


def read_positions(client: Client, keys: Keys, partitions: Iterable[int]) -> list[bytes]:
    """Where the streams of changes end now. Raises redis.RedisError."""
    return told_positions(client.call_all(position_commands(keys, partitions), raise_on_error=False))


def position_commands(keys: Keys, partitions: Iterable[int]) -> list[Command]:
    """The commands that ask for it; `told_positions` reads the answers."""
    return [("XREVRANGE", keys.of(partition).changes, "+", "-", "COUNT", 1) for partition in partitions]


def told_positions(replies: Iterable[object]) -> list[bytes]:
    """Where streams end, from what the commands of `position_commands` were answered. Raises redis.ResponseError."""
    return [entries[0][0] if (entries := or_else(reply, [])) else START for reply in replies]


def read_behind(client: Client, keys: Keys, wanted: Sequence[tuple[int, bytes]]) -> list[Behind]:
    """What each of these (partition, position) has behind it. Raises redis.RedisError.

    The entry at the position is read as well: streams lose their oldest entries first, so as long as that one is there
    nothing behind it can be missing.
    """
    replies = client.call_all(
        (
            ("XRANGE", keys.of(partition).changes, position, "+", "COUNT", MOST_ENTRIES)
            for partition, position in wanted
        ),
        raise_on_error=False,
    )
    found = [_behind(position, or_else(reply, [])) for (_, position), reply in zip(wanted, replies, strict=True)]
    lost = [index for index, behind in enumerate(found) if not behind.whole and not behind.changed]
    if lost:
        ends = read_positions(client, keys, [wanted[index][0] for index in lost])
        for index, end in zip(lost, ends, strict=True):
            found[index] = found[index]._replace(position=end)
    return found


class News(NamedTuple):
    """The workflows that changed, by partition, and the partitions where others may have changed as well."""

    changed: Mapping[int, list[str]]
    missed: Sequence[int]


class Feed:
    """Follows the streams of changes of all partitions from `positions`, which it moves on."""

    def __init__(self, keys: Keys, positions: Sequence[bytes], now_ms: Callable[[], int]) -> None:
        self.positions = list(positions)
        self._keys = keys
        self._resting = Resting(logger, "changes of workflows in partition %d are not told: %s", now_ms)

    def read(self, client: Client, block_ms: int) -> News:
        """What changed since the last read, waiting at most `block_ms` for something. Raises redis.RedisError."""
        followed = {
            self._keys.of(partition).changes: partition
            for partition in range(len(self.positions))
            if partition not in self._resting
        }
        positions = {key: self.positions[partition] for key, partition in followed.items()}
        try:
            moved = read_streams(client, positions, 1, block_ms)
        except KeyTypeError as error:
            self._resting.rest(followed[error.key], error)
            return News({}, [])
        return self._take(client, [followed[key] for key in moved])

    def check(self, client: Client) -> News:
        """As `read`, of the streams that do not hold their position any more: one that has begun anew may well be
        behind it, and have nothing to read. Raises redis.RedisError."""
        followed = [partition for partition, position in enumerate(self.positions) if position != START]
        replies = client.call_all(
            (
                ("XRANGE", self._keys.of(partition).changes, self.positions[partition], self.positions[partition])
                for partition in followed
            ),
            raise_on_error=False,
        )
        return self._take(
            client, [part for part, reply in zip(followed, replies, strict=True) if not or_else(reply, [])]
        )

    def _take(self, client: Client, moved: Sequence[int]) -> News:
        if not moved:
            return News({}, [])
        found = read_behind(client, self._keys, [(partition, self.positions[partition]) for partition in moved])
        for partition, behind in zip(moved, found, strict=True):
            self.positions[partition] = behind.position
        told = dict(zip(moved, found, strict=True))
        return News(
            {partition: behind.changed for partition, behind in told.items() if behind.changed},
            [partition for partition, behind in told.items() if not behind.whole],
        )


def _behind(position: bytes, entries: Sequence[tuple[bytes, list[bytes]]]) -> Behind:
    if position == START:
        whole = len(entries) < CHANGES_KEPT
    else:
        whole = bool(entries) and entries[0][0] == position
        entries = entries[1:] if whole else entries
    changed: dict[str, None] = {}
    for _, fields in entries:
        try:
            changed |= dict.fromkeys(_decode(dict(zip(fields[::2], fields[1::2], strict=True))[b"w"]))
        except (KeyError, *UNREADABLE):
            whole = False
    return Behind(list(changed), entries[-1][0] if entries else position, whole)
