"""Who watches a list: the source of the events of `GET /watch` for one client."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from api.event_stream import encode_event
from api.turns import Start
from streams.query import Query

if TYPE_CHECKING:
    from api.service import Service


class ListWatcher:
    """Tells of the workflows that fit a query, and of those that do not any more. The id of an event is the token of
    where everything up to it has been told, so it is on the last one of what goes out together."""

    subject: str | None = None

    def __init__(self, service: "Service", query: Query) -> None:
        self.woken = asyncio.Event()
        self.query: Query | None = query
        self._query = query
        self.seen: int | None = None
        self._service = service
        self._live = service.live

    async def begin(self, positions: Sequence[bytes] | None) -> bytes:
        """What changed since `positions`; with None it begins now. Raises Problem 503."""
        news, token = await self._live.join(self._service, self, Start(self._query, positions))
        if news is None:
            return _reset(token)
        return _together([each.event for each in news], token) or _mark(token)

    @property
    def ended(self) -> bool:
        """Whether the server is ending."""
        return self._live.stopped

    async def take(self) -> bytes:
        """What has changed since the last time."""
        seen, self.seen = self.seen, self._live.turn
        if seen is None or seen == self.seen:
            return b""
        events = self._live.after(self._query, seen)
        return _reset(self._live.token) if events is None else _together(events, self._live.token)

    def sign(self) -> bytes:
        """A comment, and where we are: it may be far from where the last event was."""
        return b":\n" + _mark(self._live.token)

    def close(self) -> None:
        """Watch no more."""
        self._live.leave(self)


def _together(events: Sequence[bytes], token: str) -> bytes:
    if not events:
        return b""
    return b"%sid: %s\n%s" % (b"".join(events[:-1]), token.encode(), events[-1])


def _reset(token: str) -> bytes:
    return encode_event("reset", b"{}", token)


def _mark(token: str) -> bytes:
    return b"id: %s\n\n" % token.encode() if token else b"\n"
