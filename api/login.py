"""The login page: a token, given once, is kept by the browser as a cookie until its person signs out."""

from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api import challenges
from api.access import Access
from api.endpoint import Answer, Call, Endpoint
from api.frame import render
from api.problems import Problem
from api.same_origin import is_cross_site

KEPT_SECONDS = 12 * 3_600  # a working day
LONGEST_COOKIE = 3_800  # of the 4,096 bytes that browsers take for name, value and attributes
_LARGEST_FORM = 16_384


async def _show(call: Call) -> Response:
    access = _access(call)
    target = challenges.local_path(call.request.query_params.get("next", "/"))
    if access is None:
        return RedirectResponse("/", 303)
    return _page(call, target)


async def _sign_in(call: Call) -> Response:
    request, access = call.request, _access(call)
    if is_cross_site(request.headers):
        raise challenges.other_site()
    form = await _read_form(request)
    target = challenges.local_path(form.get("next", "/"))
    if access is None:
        return RedirectResponse(target, 303)
    token = form.get("token", "").strip()
    try:
        if len(token) > LONGEST_COOKIE:
            raise Problem(400, "Bad Request", "the token is too long for a cookie", field="token")
        await access.check_token(request, token)
    except Problem as problem:
        return _page(call, target, problem)
    answer = RedirectResponse(target, 303)
    challenges.set_cookie(answer, token, access.peers.is_https(request.scope), KEPT_SECONDS)
    return answer


async def _sign_out(call: Call) -> Response:
    if is_cross_site(call.request.headers):
        raise challenges.other_site()
    access = _access(call)
    answer = RedirectResponse("/login" if access else "/", 303)
    if access:
        challenges.set_cookie(answer, "", access.peers.is_https(call.request.scope), 0)
    return answer


def _access(call: Call) -> Access | None:
    """What checks tokens, None where there are none to check."""
    access: Any = getattr(call.request.state, "access", None)
    return access if isinstance(access, Access) and access.takes_tokens else None


def _page(call: Call, target: str, problem: Problem | None = None) -> Response:
    status = problem.status if problem else 200
    page = render(call, "login.html", status=status, section="login", target=target, problem=problem)
    page.headers["Cache-Control"] = "no-store"
    for name, value in problem.headers.items() if problem else ():
        page.headers[name] = value
    return page


async def _read_form(request: Request) -> dict[str, str]:
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > _LARGEST_FORM:
            raise Problem(413, "Content Too Large", f"the form is larger than {_LARGEST_FORM} bytes")
    try:
        fields = parse_qs(content.decode(), max_num_fields=8, errors="strict")
    except ValueError:  # also where it is no UTF-8
        raise Problem(400, "Bad Request", "this is not the form of the login page") from None
    return {name: values[0] for name, values in fields.items()}


ENDPOINTS = (
    Endpoint("GET", "/login", "The login page.", _show, None, (Answer(200, "The page."),), documented=False),
    Endpoint("POST", "/login", "Sign in.", _sign_in, None, (Answer(303, "Signed in."),), documented=False),
    Endpoint("POST", "/logout", "Sign out.", _sign_out, None, (Answer(303, "Signed out."),), documented=False),
)
