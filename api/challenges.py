"""How somebody is told that they are not let in: RFC 6750 for programs, the way to the login page for browsers."""

from html import escape
from math import ceil
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.credentials import cookie_name
from api.problems import Problem

_REALM = 'Bearer realm="longspan"'
_LONGEST_NEXT = 2_000


def no_token(remedy: str) -> Problem:
    """401 for a request without a token."""
    return Problem(401, "Unauthorized", f"this needs {remedy}", headers={"WWW-Authenticate": _REALM})


def wrong_token(reason: str) -> Problem:
    """401 for a token that lets nobody in; `reason` is ASCII without quotes."""
    challenge = f'{_REALM}, error="invalid_token", error_description="{reason}"'
    return Problem(401, "Unauthorized", reason, headers={"WWW-Authenticate": challenge})


def too_many(wait_seconds: float) -> Problem:
    """429 for one more failure of somebody who has failed often."""
    detail = "too many wrong tokens came from this address; a right one is let in at once"
    return Problem(429, "Too Many Requests", detail, headers={"Retry-After": str(max(1, ceil(wait_seconds)))})


def no_scope(scope: str, held: frozenset[str]) -> Problem:
    """403 for a scope that who asks does not have."""
    challenge = f'{_REALM}, error="insufficient_scope", scope="{scope}"'
    having = f"yours has {' and '.join(sorted(held))}" if held else "yours has none"
    detail = f"this needs a token with the scope {scope}: {having}"
    return Problem(403, "Forbidden", detail, headers={"WWW-Authenticate": challenge})


def wrong_namespace(theirs: str, ours: str) -> Problem:
    """403 for a token of another namespace."""
    challenge = f'{_REALM}, error="insufficient_scope", error_description="the token is for another namespace"'
    detail = f"the token is for the namespace {theirs!r}, and this is {ours!r}"
    return Problem(403, "Forbidden", detail, headers={"WWW-Authenticate": challenge})


def other_site() -> Problem:
    """403 for a write that another site's page makes a browser send."""
    return Problem(403, "Forbidden", "a page of another site may not do this: the browser says that one asks")


def other_host() -> Problem:
    """421 for a request to an open API under a name that is not of this machine."""
    detail = "without tokens the API answers only under localhost, 127.0.0.1 and [::1]: set LONGSPAN_API_TOKENS"
    return Problem(421, "Misdirected Request", detail, field="Host")


class LoginNeeded(Problem):
    """401 for a browser that shows a page: it is sent to the login page, and from there back."""

    def __init__(self, request: Request, https: bool) -> None:
        super().__init__(401, "Unauthorized", "sign in at /login")
        self._https = https
        self._clear = cookie_name(https) in request.cookies
        # From another site's link no browser sends the cookie: the page asks once more, then as itself.
        self._again = not self._clear and request.headers.get("sec-fetch-site") in ("cross-site", "same-site")
        raw_path: bytes = request.scope["raw_path"]
        query: bytes = request.scope["query_string"]
        self._next = raw_path.decode("ascii", "replace") + (f"?{query.decode('ascii', 'replace')}" if query else "")

    def response(self, instance: str) -> Response:
        """The way to the login page."""
        del instance
        if self._again:
            target = escape(local_path(self._next))
            page = (
                f'<!doctype html><html lang="en"><title>Longspan</title><link rel="icon" href="data:,">'
                f'<meta http-equiv="refresh" content="0;url={target}"><a href="{target}">Go on</a></html>'
            )
            return Response(page, 200, media_type="text/html")
        answer = RedirectResponse("/login?next=" + quote(local_path(self._next), safe="/"), 303)
        if self._clear:
            set_cookie(answer, "", self._https, 0)
        return answer


def local_path(text: str) -> str:
    """A path of this site with its query, `/` where the text is anything else: never the way to another host."""
    readable = text.isascii() and text.isprintable() and len(text) <= _LONGEST_NEXT
    if not readable or not text.startswith("/") or text.startswith("//") or {"\\", " "} & {*text}:
        return "/"
    return "/" if text.partition("?")[0] in ("/login", "/logout") else text


def set_cookie(response: Response, token: str, https: bool, max_age_seconds: int) -> None:
    """Let the browser keep a token, out of reach of scripts and of other sites."""
    response.set_cookie(
        cookie_name(https), token, max_age_seconds, secure=https, httponly=True, samesite="strict", path="/"
    )
