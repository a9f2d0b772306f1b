"""Pages of workflows: which fit a question, in an order that stays the same while workflows change."""

import base64
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from streams.candidates import NEWEST_MS, OLDEST_MS, Candidate, Position, Ranked, Source, Spelled
from streams.client import Client
from streams.errors import CursorError, or_else
from streams.indexes import attribute_texts, innermost
from streams.keys import TRACE_BYTES, Keys, partition_of, split_run_member
from streams.schedule import count_overdue, list_overdue
from streams.status import WorkflowView, read_views

GATHER = 1_000  # so few candidates are all read and put in order
EXAMINED = 500  # workflows that one page looks at: some 10 ms

_NANOSECONDS = 1_000_000
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[int, bytes]).decode


class Query(msgspec.Struct, frozen=True):
    """What is asked for; all that is set must hold.

    `state` is a path: workflows in that state, or in one inside it. `attributes` are names and values as text.
    Times are event time in ns since the epoch: a run that started at `started_after_ns` or later, and before
    `started_before_ns`. `overdue`: with a deadline that is due and has not been applied.
    """

    machine: str | None = None
    status: str | None = None
    state: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    started_after_ns: int | None = None
    started_before_ns: int | None = None
    overdue: bool = False


class Page(NamedTuple):
    """Workflows that fit, and the cursor of what comes behind them: None at the end. A page may be short, or empty,
    and still have a next one: a look at more would have taken too long."""

    views: list[WorkflowView]
    next: str | None


def fits(view: WorkflowView, query: Query, now_ms: int) -> bool:
    """Whether a workflow is what is asked for, as its snapshot says."""
    snapshot = view.snapshot
    return (
        query.machine in (None, snapshot.machine)
        and query.status in (None, snapshot.status)
        and (query.state is None or (snapshot.status == "running" and _rank(view, query) is not None))
        and all(value in attribute_texts(snapshot.attributes.get(name)) for name, value in query.attributes)
        and (query.started_after_ns is None or snapshot.started_ns >= query.started_after_ns)
        and (query.started_before_ns is None or snapshot.started_ns < query.started_before_ns)
        and (not query.overdue or bool(view.overdue(now_ms)))
    )


def find_page(
    client: Client, keys: Keys, partitions: int, query: Query, *, limit: int, cursor: str | None, now_ms: int
) -> Page:
    """The next page: newest start first; with `state`, newest entry into it first.

    Raises CursorError for a cursor that no page gave, redis.RedisError.
    """
    position = _first(query) if cursor is None else _decode(cursor)
    if query.state is not None and query.status not in (None, "running"):
        return Page([], None)
    source = _choose(client, keys, partitions, query, now_ms)
    found: list[WorkflowView] = []
    examined = 0
    while True:
        count = limit - len(found) + 1
        if query.attributes or query.overdue or query.state is not None:
            count = max(count, 200)
        candidates = source.below(position, count)
        for candidate, view in zip(candidates, read_views(client, keys, _places(candidates)), strict=True):
            if len(found) == limit or examined == EXAMINED:
                return Page(found, _encode(position))
            position = candidate.position
            examined += 1
            if view is not None and fits(view, query, now_ms) and _rank(view, query) == position.ms:
                found.append(view)
        if len(candidates) < count:
            return Page(found, None)


def find_by_trace(client: Client, keys: Keys, partitions: int, trace_id: str) -> list[tuple[str, int]]:
    """Workflow id and run of the runs whose spans carry a trace id (32 hexadecimal digits). Raises redis.RedisError."""
    digits = bytes.fromhex(trace_id)
    replies = client.call_all(
        (("HKEYS", keys.of(partition).traces(digits)) for partition in range(partitions)), raise_on_error=False
    )
    return [
        split_run_member(member[TRACE_BYTES:])
        for reply in replies
        for member in or_else(reply, [])
        if member.startswith(digits[:TRACE_BYTES])
    ]


class _Gathered:
    """Few workflows, read at once and put in order."""

    def __init__(self, client: Client, keys: Keys, places: Iterable[tuple[int, str]], query: Query) -> None:
        views = read_views(client, keys, list(dict.fromkeys(places)))
        self._listed = sorted(
            (
                Candidate(Position(ms, view.id.encode()), view.partition)
                for view in views
                if view is not None and (ms := _rank(view, query)) is not None
            ),
            reverse=True,
        )

    def below(self, position: Position, count: int) -> list[Candidate]:
        """As `Source` says."""
        ms, workflow_id = position if position.workflow_id else Position(position.ms + 1, b"")
        return [listed for listed in self._listed if listed.position < (ms, workflow_id)][:count]


def _choose(client: Client, keys: Keys, partitions: int, query: Query, now_ms: int) -> Source:
    """What leads to the workflows in question by the shortest way, in their order."""
    owned = [keys.of(partition) for partition in range(partitions)]
    if query.overdue and count_overdue(client, owned, now_ms) <= GATHER:
        late = [overdue.workflow_id for overdue in list_overdue(client, owned, now_ms)]
        return _Gathered(client, keys, ((partition_of(name, partitions), name) for name in late), query)
    lowest_ms = None if query.started_after_ns is None else query.started_after_ns // _NANOSECONDS
    if query.attributes:
        spelled = [
            Spelled(client, keys, partitions, f"attr:{name}".encode(), value) for name, value in query.attributes
        ]
        count, _, smallest = min((one.count(), place, one) for place, one in enumerate(spelled))
        if query.state is None:
            return smallest
        if count <= GATHER:
            return _Gathered(client, keys, _places(smallest.below(Position(NEWEST_MS, b""), GATHER)), query)
    names = client.call_all((("SMEMBERS", one.indexes) for one in owned), raise_on_error=False)
    wanted = {partition: sorted(_wanted(or_else(listed, []), query)) for partition, listed in enumerate(names)}
    return Ranked(client, keys, wanted, OLDEST_MS if lowest_ms is None or query.state is not None else lowest_ms)


def _wanted(names: Iterable[bytes], query: Query) -> Iterator[bytes]:
    for name in names:
        kind, _, rest = name.decode(errors="replace").partition(":")
        first, _, second = rest.partition(":")
        if kind == "listed" and query.state is None:
            if query.status in (None, first) and query.machine in (None, second):
                yield name
        elif (
            kind == "in" and query.state is not None and query.machine in (None, first) and _inside(second, query.state)
        ):
            yield name


def _places(candidates: Iterable[Candidate]) -> list[tuple[int, str]]:
    return [(partition, position.workflow_id.decode(errors="replace")) for position, partition in candidates]


def _rank(view: WorkflowView, query: Query) -> int | None:
    """Where a workflow stands in the order; an index that says otherwise is of a moment ago."""
    if query.state is None:
        return view.snapshot.started_ns // _NANOSECONDS
    return max(_entries(view, query.state), default=None)


def _entries(view: WorkflowView, state: str) -> Iterator[int]:
    for path, entered_ns in innermost(view.snapshot.states).items():
        if _inside(path, state):
            yield entered_ns // _NANOSECONDS


def _inside(path: str, state: str) -> bool:
    return path == state or path.startswith(f"{state}.")


def _first(query: Query) -> Position:
    if query.started_before_ns is None or query.state is not None:
        return Position(NEWEST_MS, b"")
    return Position(query.started_before_ns // _NANOSECONDS, b"")


def _encode(position: Position) -> str:
    return base64.urlsafe_b64encode(_pack(position)).decode().rstrip("=")


def _decode(cursor: str) -> Position:
    try:
        ms, workflow_id = _unpack(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
    except (ValueError, msgspec.MsgspecError):
        raise CursorError(cursor) from None
    if not OLDEST_MS < ms < NEWEST_MS or not 0 < len(workflow_id) <= 1_024:
        raise CursorError(cursor)
    return Position(ms, workflow_id)
