"""Where a page looks for its workflows: indexes that are walked from the newest down, whatever is written meanwhile."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

NEWEST_MS = 2**52
OLDEST_MS = -(2**52)
AT_ONCE = 600  # entries that are examined in one round trip: some 3 ms in which Redis serves nobody else
LEAST = 16  # of them in one partition
_ALL = 2**31


class Position(NamedTuple):
    """A place in the order: time (ms) and id, both descending. Nothing is at an empty id."""

    ms: int
    workflow_id: bytes


class Candidate(NamedTuple):
    """What an index says."""

    position: Position
    partition: int


class Stretch(NamedTuple):
    """Part of an order: its candidates, how many entries were examined for them, and the last of these: there may be
    more behind it. None at the end."""

    candidates: list[Candidate]
    examined: int
    reached: Position | None


class Source(Protocol):
    """Something to walk."""

    def walk(self, position: Position, count: int, most: int) -> Stretch:
        """What comes behind a position, in order: at most `count` candidates, and little more than `most` entries
        examined for them. Raises RedisError."""


class Merged(ABC):
    """Indexes of several partitions, each read only as far as the order of all of them asks for."""

    def __init__(self, partitions: Iterable[int]) -> None:
        self._partitions = list(partitions)

    def below(self, position: Position, count: int) -> list[Candidate]:
        """At most `count` candidates behind a position, in order; fewer: there are no more. Raises RedisError."""
        return self.walk(position, count, _ALL).candidates

    def walk(self, position: Position, count: int, most: int) -> Stretch:
        """As `Source` says."""
        count = max(1, count)
        share = min(count, 8 + 2 * count // max(1, len(self._partitions)))
        behind = dict.fromkeys(self._partitions, position)  # the partitions that may have more, and from where on
        found: list[Candidate] = []
        short, examined = behind, 0  # of these partitions more must be known
        while short and examined < most:
            for partition, part in self._read(short, share, max(LEAST, AT_ONCE // len(short))).items():
                found += part.candidates
                examined += part.examined
                if part.reached is None:
                    del behind[partition]
                else:
                    behind[partition] = part.reached
            found.sort(reverse=True)
            last = found[count - 1].position if len(found) >= count else Position(OLDEST_MS, b"")
            short = {partition: reached for partition, reached in behind.items() if reached > last}
        edge = max(behind.values(), default=None)
        known = found if edge is None else [candidate for candidate in found if candidate.position >= edge]
        if len(known) > count or (len(known) == count and edge is not None):
            return Stretch(known[:count], examined, known[count - 1].position)
        return Stretch(known, examined, edge)

    @abstractmethod
    def _read(self, behind: Mapping[int, Position], count: int, most: int) -> dict[int, Stretch]:
        """At most `count` candidates of each partition behind a position, and at most `most` entries examined."""
