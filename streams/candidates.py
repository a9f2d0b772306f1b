"""Where a page looks for its workflows: indexes that are walked from the newest down, whatever is written meanwhile."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from streams.client import Client
from streams.errors import or_else
from streams.exchange import Command
from streams.indexes import START_BYTES, read_start, spell
from streams.keys import Keys
from streams.scripts import PAGE

NEWEST_MS = 2**52
OLDEST_MS = -(2**52)


class Position(NamedTuple):
    """A place in the order: time (ms) and id, both descending. Nothing is at an empty id."""

    ms: int
    workflow_id: bytes


class Candidate(NamedTuple):
    """What an index says."""

    position: Position
    partition: int


class Source(Protocol):
    """Something to walk."""

    def below(self, position: Position, count: int) -> list[Candidate]:
        """At most `count` candidates behind a position, in order; fewer: there are no more. Raises RedisError."""


class _Indexed(ABC):
    """Indexes of several partitions, each read only as far as the order of all of them asks for."""

    def __init__(self, partitions: Iterable[int]) -> None:
        self._partitions = list(partitions)

    def below(self, position: Position, count: int) -> list[Candidate]:
        """As `Source` says."""
        count = max(1, count)
        share = min(count, 8 + 2 * count // max(1, len(self._partitions)))
        behind = dict.fromkeys(self._partitions, position)  # the partitions that may have more, and from where on
        found: list[Candidate] = []
        while behind:
            for partition, listed in self._read(behind, share).items():
                found += listed
                if len(listed) < share:
                    del behind[partition]
                else:
                    behind[partition] = listed[-1].position
            found.sort(reverse=True)
            if len(found) >= count:
                last = found[count - 1].position
                behind = {partition: reached for partition, reached in behind.items() if reached > last}
        return found[:count]

    @abstractmethod
    def _read(self, behind: Mapping[int, Position], count: int) -> dict[int, list[Candidate]]:
        """At most `count` candidates of each partition behind a position, in order."""


class Ranked(_Indexed):
    """Indexes with scores: names of them by partition. `lowest_ms` is where the walk ends."""

    def __init__(
        self, client: Client, keys: Keys, names: Mapping[int, Sequence[bytes]], lowest_ms: int = OLDEST_MS
    ) -> None:
        self._client = client
        self._names = {
            partition: [keys.of(partition).index(name) for name in listed]
            for partition, listed in names.items()
            if listed
        }
        self._lowest_ms = lowest_ms
        super().__init__(self._names)

    def _read(self, behind: Mapping[int, Position], count: int) -> dict[int, list[Candidate]]:
        calls = [
            (self._names[partition], (ms, workflow_id, self._lowest_ms, count))
            for partition, (ms, workflow_id) in behind.items()
        ]
        found = {}
        for partition, reply in zip(behind, PAGE.call_each(self._client, calls), strict=True):
            if isinstance(reply, Exception):
                raise reply
            found[partition] = [
                Candidate(Position(int(float(score)), member), partition)
                for member, score in zip(reply[::2], reply[1::2], strict=True)
            ]
        return found


class Spelled(_Indexed):
    """One index without scores, of all partitions: what stands there under one text."""

    def __init__(
        self, client: Client, keys: Keys, partitions: int, name: bytes, text: str, lowest_ms: int | None = None
    ) -> None:
        super().__init__(range(partitions))
        self._client = client
        self._names = [keys.of(partition).index(name) for partition in range(partitions)]
        self._begin = spell(text)
        self._lowest = b"[" + spell(text, lowest_ms)
        self._text = text

    def count(self) -> int:
        """How many there are. Raises redis.RedisError."""
        replies = self._client.call_all(
            (("ZLEXCOUNT", name, self._lowest, b"(" + self._begin + b"\xff") for name in self._names),
            raise_on_error=False,
        )
        return sum(or_else(reply, 0) for reply in replies)

    def newest(self, count: int) -> list[Command]:
        """The commands for the newest `count` of each partition, in the order of partitions; `merge` reads the answers.

        For those who have other questions to go with them: `below` asks by itself.
        """
        return self._commands(dict.fromkeys(self._partitions, Position(NEWEST_MS, b"")), count)

    def merge(self, replies: Sequence[object], count: int) -> list[Candidate]:
        """The newest `count` of all, from what the commands of `newest` were answered."""
        listed = [found for place, reply in enumerate(replies) for found in self._candidates(place, reply)]
        return sorted(listed, reverse=True)[:count]

    def _read(self, behind: Mapping[int, Position], count: int) -> dict[int, list[Candidate]]:
        replies = self._client.call_all(self._commands(behind, count), raise_on_error=False)
        return {partition: self._candidates(partition, reply) for partition, reply in zip(behind, replies, strict=True)}

    def _commands(self, behind: Mapping[int, Position], count: int) -> list[Command]:
        return [
            ("ZREVRANGEBYLEX", self._names[partition], self._below(position), self._lowest, "LIMIT", 0, count)
            for partition, position in behind.items()
        ]

    def _candidates(self, partition: int, reply: object) -> list[Candidate]:
        rests = [member[len(self._begin) :] for member in or_else(reply, [])]
        return [Candidate(Position(read_start(rest), rest[START_BYTES:]), partition) for rest in rests]

    def _below(self, position: Position) -> bytes:
        if position.ms >= NEWEST_MS:
            return b"(" + self._begin + b"\xff"
        ms, workflow_id = position if position.workflow_id else Position(position.ms + 1, b"")
        return b"(" + spell(self._text, ms) + workflow_id
