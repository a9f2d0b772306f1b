"""Server-sent events to one client: what its source has, signs of life meanwhile, and an end to who does not read."""

import asyncio
import contextlib
from typing import Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

MEDIA = "text/event-stream"
RETRY_MS = 2_000  # after which a client comes back
LIFE_SECONDS = 3_600.0  # who comes back goes on where it was, and is asked again who it is


class Source(Protocol):
    """Where the events of one client come from. `woken` is set when it may have some."""

    woken: asyncio.Event

    @property
    def ended(self) -> bool:
        """Whether there will be no more."""

    async def take(self) -> bytes:
        """What the client is to have now, perhaps nothing; it is taken as sent."""

    def sign(self) -> bytes:
        """What says that all is well when there is nothing to say."""

    def close(self) -> None:
        """There is no client any more."""


class EventStream(Response):
    """The answer: it lasts until the client goes, the source ends, or LIFE_SECONDS have passed.

    Nothing is taken from the source before the client's socket has taken what was there before.
    """

    media_type = MEDIA

    def __init__(self, source: Source, first: bytes, heartbeat_seconds: float) -> None:
        self._source = source
        self._first = b"retry: %d\n\n%s" % (RETRY_MS, first)
        self._heartbeat_seconds = heartbeat_seconds
        self._gone = False
        self.status_code = 200
        self.background = None
        self.init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        listening = asyncio.create_task(self._listen(receive))
        try:
            await self._send_all(send)
        except OSError:
            pass  # the connection broke, or the server gave up on a client that does not read
        finally:
            self._source.close()
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening

    async def _send_all(self, send: Send) -> None:
        source, now = self._source, asyncio.get_running_loop().time
        until = now() + LIFE_SECONDS
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        piece = self._first
        while not (self._gone or source.ended or now() > until):
            if piece:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            try:
                async with asyncio.timeout(self._heartbeat_seconds):
                    await source.woken.wait()
            except TimeoutError:
                piece = source.sign()
                continue
            source.woken.clear()
            piece = await source.take()
        if not self._gone:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _listen(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._source.woken.set()


def encode_event(kind: str, data: bytes, event_id: str | None = None) -> bytes:
    """One event; `data` is JSON, which has no line breaks."""
    named = b"" if event_id is None else b"id: %s\n" % event_id.encode()
    return b"%sevent: %s\ndata: %s\n\n" % (named, kind.encode(), data)
