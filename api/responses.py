"""What goes with answers: validators for who asks again, and the link to a next page."""

from hashlib import blake2b
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

PAGING = frozenset(("limit", "cursor"))  # parameters that say which page, and not of what

_encode = msgspec.json.Encoder().encode
_KNOWN = b"if-none-match"


def json_if_changed(request: Request, body: Any) -> Response:
    """A msgspec value as JSON with a strong ETag; 304 where `If-None-Match` has it already."""
    return encoded_if_changed(request, _encode(body))


def encoded_if_changed(request: Request, body: bytes) -> Response:
    """The same for JSON that is encoded already."""
    tag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    for name, value in request.scope["headers"]:
        if name == _KNOWN and _matches(value.decode("latin-1"), tag):
            return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, "application/json")


def watch_link(request: Request, path: str, last_id: str | None = None) -> str:
    """The path and query of the events that go on behind an id, with the filters that were asked for."""
    pairs = [(key, value) for key, value in request.query_params.multi_items() if key not in PAGING]
    last = [("last_event_id", last_id)] if last_id is not None else []
    return f"{path}?{urlencode([*pairs, *last])}".rstrip("?")


def next_link(request: Request, cursor: str | int, name: str = "cursor") -> str:
    """The path and query that were asked for, with another cursor."""
    pairs = [(key, value) for key, value in request.query_params.multi_items() if key != name]
    path = request.scope["raw_path"].decode("ascii")
    return f"{path}?{urlencode([*pairs, (name, cursor)])}"


def _matches(known: str, tag: str) -> bool:
    return any(one.strip().removeprefix("W/") in (tag, "*") for one in known.split(","))
