"""Credentials of a request: a bearer token in a header or in a browser's cookie. No token is ever shown or logged."""

from dataclasses import dataclass

from starlette.requests import Request

from api.problems import Problem

LONGEST_TOKEN = 8_192
COOKIE, SECURE_COOKIE = "longspan-token", "__Host-longspan-token"


class CredentialError(Exception):
    """A token that lets nobody in; the text says why, in ASCII without quotes, and holds nothing of the token."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token, and whether a browser sent it by itself."""

    token: str
    by_cookie: bool


def cookie_name(https: bool) -> str:
    """What the cookie is called: with the prefix `__Host-` no other host and no plain HTTP can have set it."""
    return SECURE_COOKIE if https else COOKIE


def read_bearer(request: Request, https: bool) -> Bearer | None:
    """The token of a request, None where it has none. Raises Problem 400 for two."""
    headers = request.headers.getlist("authorization")
    if len(headers) > 1:
        detail = "the header Authorization is given twice"
        challenge = 'Bearer realm="longspan", error="invalid_request"'
        headers_out = {"WWW-Authenticate": challenge}
        raise Problem(400, "Bad Request", detail, field="Authorization", headers=headers_out)
    if headers:
        scheme, _, token = headers[0].partition(" ")
        if scheme.lower() != "bearer":
            return None
        return Bearer(token.strip(), by_cookie=False)
    token = request.cookies.get(cookie_name(https), "")
    return Bearer(token, by_cookie=True) if token else None


def check_form(token: str) -> None:
    """That this may be a token at all. Raises CredentialError."""
    if not 0 < len(token) <= LONGEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise CredentialError(f"a token has 1 to {LONGEST_TOKEN} printable ASCII characters")
