"""Walks along the indexes of partitions, past entries whose workflows other indexes do not list."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from streams.candidates import NEWEST_MS, OLDEST_MS, Candidate, Merged, Position, Stretch
from streams.client import Client
from streams.errors import or_else
from streams.exchange import Command
from streams.indexes import START_BYTES, read_start, spell
from streams.keys import Keys
from streams.scripts import PAGE


class Condition(NamedTuple):
    """What workflows must be listed in: by partition the names of indexes, of which one is enough. `text` is how their
    members begin where they have no scores. A partition without such an index has no such workflow."""

    names: Mapping[int, Sequence[bytes]]
    text: bytes = b""


class Ranked(Merged):
    """Indexes with scores: names of them by partition. `lowest_ms` is where the walk ends.

    `listed` names for each of them the index in which its workflows stand by their start, where a condition needs it.
    """

    def __init__(
        self,
        client: Client,
        keys: Keys,
        names: Mapping[int, Sequence[bytes]],
        lowest_ms: int = OLDEST_MS,
        conditions: Sequence[Condition] = (),
        listed: Mapping[bytes, bytes] | None = None,
    ) -> None:
        self._client = client
        self._checks = _Checks(keys, conditions)
        self._lowest_ms = lowest_ms
        self._by_start = int(listed is not None)
        self._names = {
            partition: [keys.of(partition).index(name) for name in [*chosen, *(listed[name] for name in chosen)]]
            if listed
            else [keys.of(partition).index(name) for name in chosen]
            for partition, chosen in names.items()
            if chosen and self._checks.can_hold(partition)
        }
        super().__init__(self._names)

    def _read(self, behind: Mapping[int, Position], count: int, most: int) -> dict[int, Stretch]:
        calls = []
        for partition, (ms, workflow_id) in behind.items():
            names, (keys, arguments) = self._names[partition], self._checks.of(partition)
            walked = len(names) // (1 + self._by_start)
            begin = (walked, count, most, "ranked", self._by_start, ms, workflow_id, self._lowest_ms)
            calls.append(([*names, *keys], [*begin, *arguments]))
        found = {}
        for partition, reply in zip(behind, PAGE.call_each(self._client, calls), strict=True):
            if isinstance(reply, Exception):
                raise reply
            entries = [
                Candidate(Position(int(float(score)), member), partition)
                for member, score in zip(reply[3::2], reply[4::2], strict=True)
            ]
            reached = Position(int(float(reply[1])), reply[0]) if reply[0] else None
            found[partition] = Stretch(entries, reply[2], reached)
        return found


class Spelled(Merged):
    """One index without scores, of all partitions: what stands there under one text.

    `lowest_ms` is the earliest start that is looked for.
    """

    def __init__(
        self,
        client: Client,
        keys: Keys,
        partitions: int,
        name: bytes,
        text: str,
        lowest_ms: int | None = None,
        conditions: Sequence[Condition] = (),
    ) -> None:
        self._client = client
        self._checks = _Checks(keys, conditions)
        self._names = [keys.of(partition).index(name) for partition in range(partitions)]
        self._begin = spell(text)
        self._lowest = b"[" + spell(text, lowest_ms)
        self._text = text
        super().__init__(partition for partition in range(partitions) if self._checks.can_hold(partition))

    def counting(self) -> list[Command]:
        """The commands that count what stands there, one for each partition."""
        return [("ZLEXCOUNT", name, self._lowest, b"(" + self._begin + b"\xff") for name in self._names]

    def newest(self, count: int) -> list[Command]:
        """The commands for the newest `count` of each partition, in the order of partitions; `merge` reads the answers.

        For those who have other questions to go with them: `walk` asks by itself.
        """
        return self._commands(dict.fromkeys(self._partitions, Position(NEWEST_MS, b"")), count)

    def merge(self, replies: Sequence[object], count: int) -> list[Candidate]:
        """The newest `count` of all, from what the commands of `newest` were answered."""
        listed = [found for place, reply in enumerate(replies) for found in self._candidates(place, reply)]
        return sorted(listed, reverse=True)[:count]

    def _read(self, behind: Mapping[int, Position], count: int, most: int) -> dict[int, Stretch]:
        if self._checks:
            return self._read_checked(behind, count, most)
        found = {}
        replies = self._client.call_all(self._commands(behind, count), raise_on_error=False)
        for partition, reply in zip(behind, replies, strict=True):
            entries = self._candidates(partition, reply)
            reached = entries[-1].position if len(entries) == count else None
            found[partition] = Stretch(entries, len(entries), reached)
        return found

    def _read_checked(self, behind: Mapping[int, Position], count: int, most: int) -> dict[int, Stretch]:
        calls = []
        for partition, position in behind.items():
            keys, arguments = self._checks.of(partition)
            begin = (1, count, most, "spelled", 0, self._below(position), self._lowest, len(self._begin))
            calls.append(([self._names[partition], *keys], [*begin, *arguments]))
        found = {}
        for partition, reply in zip(behind, PAGE.call_each(self._client, calls), strict=True):
            if isinstance(reply, Exception):
                raise reply
            last, start, examined, *flat = reply
            entries = [
                Candidate(Position(read_start(begun), member), partition)
                for member, begun in zip(flat[::2], flat[1::2], strict=True)
            ]
            found[partition] = Stretch(entries, examined, Position(read_start(start), last) if last else None)
        return found

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


class _Checks:
    """Conditions as the script takes them."""

    def __init__(self, keys: Keys, conditions: Sequence[Condition]) -> None:
        self._keys = keys
        self._conditions = conditions

    def __bool__(self) -> bool:
        return bool(self._conditions)

    def can_hold(self, partition: int) -> bool:
        """Whether a workflow of a partition can fulfil them all."""
        return all(condition.names.get(partition) for condition in self._conditions)

    def of(self, partition: int) -> tuple[list[bytes], list[bytes | int]]:
        """Keys and arguments."""
        index, conditions = self._keys.of(partition).index, self._conditions
        names = [name for condition in conditions for name in condition.names[partition]]
        told: list[bytes | int] = []
        for condition in conditions:
            told += (condition.text, len(condition.names[partition]))
        return [index(name) for name in names], told
