"""The REST API of the simulated system: asking for a workflow starts it, or tells how far it has come."""

import asyncio
from collections.abc import Callable
from hashlib import blake2b
from urllib.parse import quote, urlencode

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from longspan.simulated_description import describe
from longspan.simulated_faults import Faults
from longspan.simulated_system import FullError, Life, System
from longspan.simulated_views import Page, Trouble, Workflow, view_workflow

_PAGE = 100
_LARGEST_PAGE = 1_000
_SLOW_SECONDS = 2.0
_DAY_NS = 86_400 * 10**9
_ELSEWHERE = "http://elsewhere.invalid/login"
_LOGIN_PAGE = "<!doctype html><title>Sign in</title><p>Your session has ended."


class SimulatedApi:
    """The application of a system. `started` is called with each workflow that a request starts; `requests` counts."""

    def __init__(
        self,
        system: System,
        faults: Faults,
        now_ns: Callable[[], int],
        started: Callable[[Life], object] | None = None,
    ) -> None:
        self._system = system
        self._faults = faults
        self._now_ns = now_ns
        self._started = started
        self.requests = 0
        self.app = Starlette(
            routes=[
                Route("/workflows", self._list),
                Route("/workflows/{id:path}", self._show),
                Route("/openapi.json", self._describe),
                Route("/livez", self._live),
            ]
        )

    async def _show(self, request: Request) -> Response:
        workflow_id: str = request.path_params["id"]
        if not (workflow_id.isprintable() and 0 < len(workflow_id) <= 256):
            return _trouble(400, "the id must be 1 to 256 printable characters")
        self.requests += 1
        fault = self._faults.choose()
        now_ns = self._now_ns()
        try:
            life, is_new = self._system.find_or_start(workflow_id, now_ns)
        except FullError as error:
            return _trouble(503, str(error))
        if is_new and self._started is not None:
            self._started(life)
        return await _spoil(request, fault, _answer(request, _view(life, now_ns, fault), {}))

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        unknown = set(query) - {"after", "limit", "status"}
        if unknown:
            return _trouble(400, f"there is no parameter {min(unknown)!r}: there are after, limit and status")
        limit = query.get("limit", str(_PAGE))
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= _LARGEST_PAGE):
            return _trouble(400, f"limit must be a number from 1 to {_LARGEST_PAGE}")
        wanted = query.get("status")
        self.requests += 1
        fault = self._faults.choose()
        now_ns = self._now_ns()
        lives = self._system.page(query.get("after"), int(limit))
        views = [_view(life, now_ns, fault) for life in lives]
        following, links = None, {}
        if len(lives) == int(limit):
            following = "/workflows?" + urlencode({**query, "after": lives[-1].id}, quote_via=quote)
            links = {"Link": f'<{following}>; rel="next"'}
        page = Page([view for view in views if wanted in (None, view.status)], following)
        return await _spoil(request, fault, _answer(request, page, links))

    async def _describe(self, request: Request) -> Response:
        del request
        return Response(msgspec.json.encode(describe()), media_type="application/json")

    async def _live(self, request: Request) -> Response:
        del request
        return Response("ok\n", media_type="text/plain")


def _view(life: Life, now_ns: int, fault: str | None) -> Workflow:
    """The record of a workflow, with what a fault does to it."""
    if fault == "backwards":
        now_ns -= (now_ns - life.began_ns) // 2
    return view_workflow(life, now_ns, _DAY_NS if fault == "future" else 0)


def _answer(request: Request, told: Workflow | Page, links: dict[str, str]) -> Response:
    body = msgspec.json.encode(told)
    etag = f'"{blake2b(body, digest_size=8).hexdigest()}"'
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if etag in known:
        return Response(status_code=304, headers={"ETag": etag, **links})
    return Response(body, media_type="application/json", headers={"ETag": etag, **links})


async def _spoil(request: Request, fault: str | None, right: Response) -> Response:
    """What is answered in place of the right answer. `future` and `backwards` are in that already."""
    match fault:
        case "404":
            return _trouble(404, "there is no such workflow")
        case "429":
            return _trouble(429, "too many requests", {"Retry-After": "1"})
        case "500":
            return Response("Internal Server Error", 500, media_type="text/plain")
        case "html":
            return Response(_LOGIN_PAGE, media_type="text/html")
        case "truncated":
            body = bytes(right.body)
            return Response(body[: len(body) // 2], media_type="application/json")
        case "schema":
            return Response(b'{"workflow": {"state": 7}, "entities": "none"}', media_type="application/json")
        case "redirect":
            return Response(status_code=302, headers={"Location": _ELSEWHERE})
        case "slow":
            await asyncio.sleep(_SLOW_SECONDS)
        case "never":
            while (await request.receive())["type"] != "http.disconnect":
                pass
    return right


def _trouble(status: int, title: str, headers: dict[str, str] | None = None) -> Response:
    body = msgspec.json.encode(Trouble(status, title))
    return Response(body, status, headers, media_type="application/json")
