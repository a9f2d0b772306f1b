"""A small app behind the real access control, asked in process by any peer: no server, no Redis."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any

import httpx
from starlette.responses import Response
from starlette.types import Message, Scope

from api import audit, login
from api.access import Access, Tokens
from api.app import make_app
from api.attempts import Attempts
from api.endpoint import Answer, Call, Endpoint
from api.identity import Roles
from api.peers import Peers
from api.proxy_identity import ProxyIdentity
from api.reader import Reader
from api.service import Options, Service
from api.token_file import GivenTokens
from api.token_lines import StoredToken
from api.tokens import hash_token, make_token
from machines.catalog import Catalog
from streams.keys import Keys

NOW_NS = 1_800_000_000 * 10**9
ROLES = Roles(frozenset({"viewers"}), frozenset({"operators"}))


def some_token(number: int) -> str:
    """A token that is the same each time."""
    return make_token(number.to_bytes(32))


def stored(number: int, *scopes: str, namespace: str | None = "default", expires_ns: int | None = None) -> StoredToken:
    """What is stored of `some_token(number)`, under the name t and the number."""
    return StoredToken(f"t{number}", frozenset(scopes), namespace, hash_token(some_token(number)), expires_ns)


def bearer(token: str) -> dict[str, str]:
    """The header with a token."""
    return {"Authorization": f"Bearer {token}"}


def make_access(
    tokens: Tokens | tuple[StoredToken, ...] | None = None,
    *,
    trusted: str = "",
    user_header: str | None = None,
    now_seconds: Any = lambda: 0.0,
    **options: Any,
) -> Access:
    """Access control for the namespace `default` at NOW_NS."""
    peers = Peers((ip_network(trusted),) if trusted else ())
    return Access(
        namespace="default",
        now_ns=lambda: NOW_NS,
        peers=peers,
        attempts=Attempts(now_seconds),
        tokens=GivenTokens(tokens) if isinstance(tokens, tuple) else tokens,
        proxy=ProxyIdentity(user_header, "X-Groups", ROLES, peers) if user_header else None,
        **options,
    )


class Gate:
    """Asks the app. Its endpoints say who was let in: GET and POST of /things/{id}, GET of /metrics and /livez."""

    def __init__(self, access: Access) -> None:
        self._service = Service(Reader(_no_server), Keys("gate"), Catalog(()), Options(), lambda: NOW_NS)
        self._app = make_app(self._service, access, (*ENDPOINTS, *login.ENDPOINTS))

    def ask(
        self, method: str, path: str, *, peer: str = "192.0.2.7", base: str = "http://longspan.example", **options: Any
    ) -> httpx.Response:
        """One request from a peer."""
        return asyncio.run(self._ask(method, path, peer, base, options))

    async def together(self, count: int, path: str, **options: Any) -> list[httpx.Response]:
        """So many GETs at once, in the loop of who calls."""
        return await asyncio.gather(
            *(self._ask("GET", path, "192.0.2.7", "http://longspan.example", options) for _ in range(count))
        )

    def get(self, path: str = "/things/1", **options: Any) -> httpx.Response:
        """GET."""
        return self.ask("GET", path, **options)

    def post(self, path: str = "/things/1", **options: Any) -> httpx.Response:
        """POST."""
        return self.ask("POST", path, **options)

    async def raw(self, headers: list[tuple[bytes, bytes]]) -> int:
        """The status for a GET with exactly these headers, which no client would send."""
        told: list[Message] = []
        scope: Scope = {
            "type": "http", "method": "GET", "path": "/things/1", "raw_path": b"/things/1", "query_string": b"",
            "headers": headers, "scheme": "http", "http_version": "1.1", "client": ("192.0.2.7", 1),
        }  # fmt: skip

        async def send(message: Message) -> None:
            told.append(message)

        await self._app(scope, _receive, send)
        status: int = told[0]["status"]
        return status

    def close(self) -> None:
        """Close what the service holds."""
        self._service.reader.close()

    async def _ask(self, method: str, path: str, peer: str, base: str, options: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            return await client.request(method, path, **options)


@contextmanager
def gate(access: Access) -> Iterator[Gate]:
    """A gate, until the block ends."""
    opened = Gate(access)
    try:
        yield opened
    finally:
        opened.close()


async def _who(call: Call) -> Response:
    identity = call.request.state.identity
    return Response(f"{identity.way} {identity.name} {'+'.join(sorted(identity.scopes))}")


async def _write(call: Call) -> Response:
    audit.note(call.request, events=3)
    return await _who(call)


async def _live(call: Call) -> Response:
    del call
    return Response("ok")


async def _receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def _no_server() -> Any:
    raise AssertionError("nobody asks Redis here")


_ANSWERS = (Answer(200, "Who asks.", media="text/plain"),)
ENDPOINTS = (
    Endpoint("GET", "/things/{id}", "Read.", _who, "read", _ANSWERS, open_query=True),
    Endpoint("POST", "/things/{id}", "Write.", _write, "write", _ANSWERS),
    Endpoint("GET", "/metrics", "Metrics.", _who, "read", _ANSWERS),
    Endpoint("GET", "/livez", "Alive.", _live, None, _ANSWERS),
)
