"""The application: every request is routed, admitted, checked and answered, and no answer says more than it should."""

import asyncio
import logging
from collections.abc import Iterable, Mapping

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from api import (
    assets,
    diagram,
    intake,
    journal,
    letters,
    login,
    machine_pages,
    machines,
    operations,
    page_letters,
    page_list,
    trace,
    watch,
    webhooks,
    workflow_page,
    workflows,
)
from api.access import Access
from api.audit import audited
from api.docs_page import document_endpoints
from api.endpoint import Call, Endpoint
from api.guard import Guard
from api.headers import SecurityHeaders
from api.parameters import read_query
from api.peers import Peers
from api.problems import Problem
from api.routes import Routes
from api.service import Service
from api.tempo import routes as tempo
from machines.errors import SnapshotError
from spans.errors import SpansError
from streams.errors import StreamsError

logger = logging.getLogger(__name__)

ENDPOINTS: tuple[Endpoint, ...] = (
    *intake.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *workflows.ENDPOINTS,
    *journal.ENDPOINTS,
    *machines.ENDPOINTS,
    *diagram.ENDPOINTS,
    *trace.ENDPOINTS,
    *tempo.ENDPOINTS,
    *watch.ENDPOINTS,
    *assets.ENDPOINTS,
    *login.ENDPOINTS,
    *letters.ENDPOINTS,
    *page_list.ENDPOINTS,
    *page_letters.ENDPOINTS,
    *workflow_page.ENDPOINTS,
    *machine_pages.ENDPOINTS,
    *operations.ENDPOINTS,
)


def make_app(service: Service, access: Access | None, endpoints: Iterable[Endpoint] = ENDPOINTS) -> Starlette:
    """The application as an ASGI app. Without `access` everybody is let in."""
    peers = access.peers if access else Peers()
    served = tuple(endpoints)
    routes = Routes((*served, *document_endpoints(served)))
    return Starlette(
        routes=[_Dispatch(service, access, peers, routes)],
        middleware=[Middleware(SecurityHeaders, is_https=peers.is_https), Middleware(Guard)],
    )


class _Dispatch(BaseRoute):
    """The one route of the app, which takes every request."""

    def __init__(self, service: Service, access: Access | None, peers: Peers, routes: Routes) -> None:
        self._service = service
        self._access = access
        self._peers = peers
        self._routes = routes

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return (Match.FULL if scope["type"] == "http" else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        request.state.route, request.state.about = None, {}
        raw_path: bytes = scope["raw_path"]
        now = asyncio.get_running_loop().time
        began = now()
        try:
            response = await self._answer(request, raw_path)
        except Problem as problem:
            response = problem.response(raw_path.decode("ascii", "replace"))
        except (SnapshotError, SpansError, StreamsError) as error:
            logger.error("%s %s: %s", scope["method"], raw_path, error, extra=request.state.about)
            response = _failed(raw_path, str(error))
        except Exception:
            logger.exception("%s %s failed", scope["method"], raw_path, extra=request.state.about)
            response = _failed(raw_path, "the log says why")
        self._service.traffic.answered(scope["method"], request.state.route, response.status_code, now() - began)
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
            await send({"type": "http.response.body", "body": b""})
        else:
            await response(scope, receive, send)

    async def _answer(self, request: Request, raw_path: bytes) -> Response:
        method = request.method
        endpoints, path = self._routes.find(raw_path)
        endpoint = endpoints.get("GET" if method == "HEAD" else method)
        if endpoint is None:
            raise _no_endpoint(method, endpoints)
        request.state.access, request.state.route = self._access, endpoint.path
        if endpoint.path.startswith("/workflows/{id}"):
            request.state.about = {"workflow_id": path["id"]}
        if endpoint.scope is not None and self._access is not None and not endpoint.signed:
            await self._access.admit(request)
        answer = self._call(endpoint, request, path)
        return await (audited(endpoint, request, path, self._peers, answer) if endpoint.scope == "write" else answer)

    async def _call(self, endpoint: Endpoint, request: Request, path: Mapping[str, str]) -> Response:
        if endpoint.scope is not None and self._access is not None and not endpoint.signed:
            self._access.check_scope(request, endpoint.scope)
        if endpoint.documented or endpoint.query is not None:
            query = read_query(endpoint.query, request.scope["query_string"], open_query=endpoint.open_query)
        else:
            query = None
        return await endpoint.call(Call(self._service, request, path, query))


def _no_endpoint(method: str, endpoints: Mapping[str, Endpoint]) -> Problem:
    if not endpoints:
        return Problem(404, "Not Found", "there is no such route: /openapi.json lists them")
    allowed = sorted({*endpoints, "HEAD"} if "GET" in endpoints else endpoints)
    detail = f"{method} is not possible here: {', '.join(allowed)}"
    return Problem(405, "Method Not Allowed", detail, headers={"Allow": ", ".join(allowed)})


def _failed(raw_path: bytes, detail: str) -> Response:
    return Problem(500, "Internal Server Error", detail).response(raw_path.decode("ascii", "replace"))
