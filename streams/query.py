"""Pages of workflows: which fit a question, in an order that stays the same while workflows change."""

import base64
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from streams.candidates import NEWEST_MS, OLDEST_MS, Position
from streams.choosing import choose, places_of
from streams.client import Client
from streams.errors import CursorError, or_else
from streams.filters import NANOSECONDS, Query, fits, rank
from streams.keys import TRACE_BYTES, Keys, split_run_member
from streams.status import WorkflowView, read_views

__all__ = ["Page", "Query", "find_by_trace", "find_page", "fits"]

EXAMINED = 1_500  # entries of indexes that one page looks at: some 8 ms of Redis
UNFIT = 500  # workflows that one page reads although they do not fit: some 10 ms

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[int, bytes]).decode


class Page(NamedTuple):
    """Workflows that fit, and the cursor of what comes behind them: None at the end. A page may be short, or empty,
    and still have a next one: a look at more would have taken too long. `positions` is where the streams of changes
    ended before anything was read."""

    views: list[WorkflowView]
    next: str | None
    positions: Sequence[bytes] = ()


def find_page(
    client: Client, keys: Keys, partitions: int, query: Query, *, limit: int, cursor: str | None, now_ms: int
) -> Page:
    """The next page: newest start first; with `state`, newest entry into it first.

    Raises CursorError for a cursor that no page gave, redis.RedisError.
    """
    position = _first(query) if cursor is None else _decode(cursor)
    source, positions = choose(client, keys, partitions, query, now_ms)
    found: list[WorkflowView] = []
    if query.state is not None and query.status not in (None, "running"):
        return Page(found, None, positions)
    count, examined, unfit = limit + 1, 0, 0
    while True:
        candidates, looked_at, reached = source.walk(position, count, EXAMINED - examined)
        examined += looked_at
        for candidate, view in zip(candidates, read_views(client, keys, places_of(candidates)), strict=True):
            if len(found) == limit or unfit == UNFIT:
                return Page(found, _encode(position), positions)
            position = candidate.position
            # An index that says otherwise is of a moment ago.
            if view is not None and fits(view, query, now_ms) and rank(view, query) == position.ms:
                found.append(view)
            else:
                unfit += 1
        if reached is None:
            return Page(found, None, positions)
        position = reached
        if examined >= EXAMINED:
            return Page(found, _encode(position), positions)
        count = max(200, limit - len(found) + 1)


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


def _first(query: Query) -> Position:
    if query.started_before_ns is None or query.state is not None:
        return Position(NEWEST_MS, b"")
    return Position(query.started_before_ns // NANOSECONDS, b"")


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
