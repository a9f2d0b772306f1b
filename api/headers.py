"""Headers that every answer has: what browsers may do with it, and nothing about the server."""

from collections.abc import Callable, MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Frame-Options": "DENY",
}
STRICT_TRANSPORT = "max-age=31536000"
NO_STORE = "no-store"


class SecurityHeaders:
    """Adds them to the answers of an app. `is_https` says whether the client's own connection is encrypted."""

    def __init__(self, app: ASGIApp, is_https: Callable[[Scope], bool]) -> None:
        self._app = app
        self._is_https = is_https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The app's answer, with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._secure(scope, message)
            await send(message)

        await self._app(scope, receive, send_secured)

    def _secure(self, scope: Scope, message: MutableMapping[str, Any]) -> None:
        message["headers"] = list(message.get("headers", ()))
        headers = MutableHeaders(raw=message["headers"])
        for name, value in SECURITY_HEADERS.items():
            headers[name] = value
        # What somebody was let in to see is theirs alone: who wants it kept says so.
        headers.setdefault("Cache-Control", NO_STORE)
        if self._is_https(scope):
            headers["Strict-Transport-Security"] = STRICT_TRANSPORT
