"""Bodies that nobody reads: taken in and forgotten, or Hypercorn would keep their connection for ever."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINGER_SECONDS = 2.0


class Guard:
    """Ends every request with its body read, or given up after `linger_seconds`.

    Hypercorn 0.18 hands a body over through a short queue. When the answer ends while that queue is full, it waits for
    ever to put the end of the connection in: the task and the socket are lost, even when the client goes away. And a
    client that is still sending when the connection is closed never sees the answer; so it may go on for a while.
    """

    def __init__(self, app: ASGIApp, linger_seconds: float = LINGER_SECONDS) -> None:
        self._app = app
        self._linger_seconds = linger_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _may_have_body(scope):
            await self._app(scope, receive, send)
            return
        body = _Body(receive)

        async def send_guarded(message: Message) -> None:
            last = message["type"] == "http.response.body" and not message.get("more_body")
            if not last or body.ended:
                await send(message)
                return
            await send({**message, "more_body": True})
            await body.discard(self._linger_seconds)
            await _beside(body.discard, send({"type": "http.response.body", "body": b""}))

        try:
            await self._app(scope, body.receive, send_guarded)
        except Exception:
            await body.discard(self._linger_seconds)
            raise


class _Body:
    """The body of one request; `ended` when nothing more will come."""

    def __init__(self, receive: Receive) -> None:
        self.ended = False
        self._receive = receive

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            self.ended = True
        return message

    async def discard(self, seconds: float | None = None) -> None:
        """Read what comes until it ends, or until `seconds` have passed."""
        try:
            async with asyncio.timeout(seconds):
                while not self.ended:
                    await self.receive()
        except TimeoutError:
            pass


async def _beside(what: Callable[[], Awaitable[None]], whom: Awaitable[None]) -> None:
    """Await `whom` while `what` runs."""

    async def run() -> None:
        await what()

    task = asyncio.create_task(run())
    try:
        await whom
    finally:
        task.cancel()


def _may_have_body(scope: Scope) -> bool:
    if scope["http_version"] not in ("1.0", "1.1"):
        return True
    return any(
        (name == b"content-length" and value != b"0") or name == b"transfer-encoding"
        for name, value in scope["headers"]
    )
