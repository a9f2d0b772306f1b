"""What leads to the workflows in question by the shortest way, in their order."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from streams.candidates import NEWEST_MS, OLDEST_MS, Candidate, Position, Source, Stretch
from streams.client import Client
from streams.errors import or_else
from streams.feed import position_commands, told_positions
from streams.filters import NANOSECONDS, Query, inside, rank
from streams.indexes import spell
from streams.keys import Keys, partition_of
from streams.schedule import count_overdue, list_overdue
from streams.status import read_views
from streams.walks import Condition, Ranked, Spelled

GATHER = 1_000  # so few candidates are all read and put in order
CHECKED = 16  # indexes that are asked about one entry; where more are concerned the workflow itself is


class Choice(NamedTuple):
    """What to walk, and where the streams of changes ended before that."""

    source: Source
    positions: list[bytes]


class Gathered:
    """Few workflows, read at once and put in order."""

    def __init__(self, client: Client, keys: Keys, places: Iterable[tuple[int, str]], query: Query) -> None:
        views = read_views(client, keys, list(dict.fromkeys(places)))
        self._listed = sorted(
            (
                Candidate(Position(ms, view.id.encode()), view.partition)
                for view in views
                if view is not None and (ms := rank(view, query)) is not None
            ),
            reverse=True,
        )

    def walk(self, position: Position, count: int, most: int) -> Stretch:
        """As `Source` says."""
        ms, workflow_id = position if position.workflow_id else Position(position.ms + 1, b"")
        behind = [listed for listed in self._listed if listed.position < (ms, workflow_id)]
        found = behind[: min(count, most)]
        return Stretch(found, len(found), found[-1].position if len(found) < len(behind) else None)


def choose(client: Client, keys: Keys, partitions: int, query: Query, now_ms: int) -> Choice:
    """What a page is to walk. Raises redis.RedisError."""
    facts = _ask(client, keys, partitions, query)
    owned = [keys.of(partition) for partition in range(partitions)]
    if query.overdue and count_overdue(client, owned, now_ms) <= GATHER:
        late = [overdue.workflow_id for overdue in list_overdue(client, owned, now_ms)]
        places = [(partition_of(name, partitions), name) for name in late]
        return Choice(Gathered(client, keys, places, query), facts.positions)
    lowest_ms = None if query.started_after_ns is None else query.started_after_ns // NANOSECONDS
    wanted = {partition: sorted(_wanted(names, query)) for partition, names in enumerate(facts.names)}
    texts = query.texts
    if query.state is None and not texts:
        ranked = Ranked(client, keys, wanted, OLDEST_MS if lowest_ms is None else lowest_ms)
        return Choice(ranked, facts.positions)
    spellings = [Condition(dict.fromkeys(range(partitions), (name,)), spell(value)) for name, value in texts]
    if texts and (query.state is None or min(facts.counts) <= GATHER):
        smallest = facts.counts.index(min(facts.counts))
        name, value = texts[smallest]
        conditions = [*spellings[:smallest], *spellings[smallest + 1 :]]
        if facts.names and all(len(names) <= CHECKED for names in wanted.values()):
            conditions.append(Condition(wanted))
        spelled = Spelled(client, keys, partitions, name, value, lowest_ms, conditions)
        if query.state is None:
            return Choice(spelled, facts.positions)
        places = places_of(spelled.below(Position(NEWEST_MS, b""), GATHER))
        return Choice(Gathered(client, keys, places, query), facts.positions)
    listed = {name: _listing(name) for names in wanted.values() for name in names} if texts else None
    return Choice(Ranked(client, keys, wanted, conditions=spellings, listed=listed), facts.positions)


def places_of(candidates: Iterable[Candidate]) -> list[tuple[int, str]]:
    """Partition and workflow id of each."""
    return [(partition, position.workflow_id.decode(errors="replace")) for position, partition in candidates]


class _Facts(NamedTuple):
    """Positions of the streams of changes, the names of all indexes by partition where they are needed, and how many
    workflows have each of the texts."""

    positions: list[bytes]
    names: list[Sequence[bytes]]
    counts: list[int]


def _ask(client: Client, keys: Keys, partitions: int, query: Query) -> _Facts:
    """What the choice depends on, in one round trip."""
    everything = range(partitions)
    named = not query.texts or any((query.state, query.status, query.machine))
    counted = [Spelled(client, keys, partitions, name, value) for name, value in query.texts]
    replies = client.call_all(
        (
            *position_commands(keys, everything),
            *(("SMEMBERS", keys.of(partition).indexes) for partition in everything if named),
            *(command for one in counted for command in one.counting()),
        ),
        raise_on_error=False,
    )
    positions, rest = told_positions(replies[:partitions]), replies[partitions:]
    names = [or_else(reply, []) for reply in rest[:partitions]] if named else []
    counts = [or_else(reply, 0) for reply in rest[len(names) :]]
    return _Facts(
        positions, names, [sum(counts[start : start + partitions]) for start in range(0, len(counts), partitions)]
    )


def _wanted(names: Iterable[bytes], query: Query) -> Iterator[bytes]:
    """Of all indexes those that list what is asked for by its state, or else by status and machine."""
    for name in names:
        kind, _, rest = name.decode(errors="replace").partition(":")
        first, _, second = rest.partition(":")
        if kind == "listed" and query.state is None:
            if query.status in (None, first) and query.machine in (None, second):
                yield name
        elif (
            kind == "in" and query.state is not None and query.machine in (None, first) and inside(second, query.state)
        ):
            yield name


def _listing(name: bytes) -> bytes:
    """Where the workflows of an index of a state stand by their start."""
    return b"listed:running:" + name.split(b":", 2)[1]
