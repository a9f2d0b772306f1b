"""The frame of every page: header, navigation and styles around a template, rendered by the server."""

import gzip
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from api.assets import asset_url
from api.endpoint import Call

FOLDER = Path(__file__).parent / "templates"
PACKING = 4  # of 9: a page is packed anew for everyone who asks, in about a millisecond


@lru_cache(maxsize=1)
def templates() -> Environment:
    """The templates; what they name and nobody has given is an error."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["asset"] = asset_url
    environment.filters["pretty"] = _pretty
    return environment


def may_write(call: Call) -> bool:
    """Whether who asks has the write scope, which everybody has where nobody has to say who it is."""
    identity = getattr(call.request.state, "identity", None)
    return identity is None or "write" in identity.scopes


def _pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def render(call: Call, template: str, *, status: int = 200, **values: Any) -> Response:
    """A page. Templates extend `frame.html` and get `namespace`, `writer`, `now_ns`, `asset(name)` and `values`."""
    text = (
        templates()
        .get_template(template)
        .render(
            namespace=call.service.options.namespace,
            writer=may_write(call),
            signed_in=getattr(call.request.state, "by_cookie", False),
            now_ns=call.service.now_ns(),
            **values,
        )
    )
    content = text.encode()
    headers = {"Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"}
    if "gzip" in call.request.headers.get("accept-encoding", ""):
        content = gzip.compress(content, PACKING)
        headers["Content-Encoding"] = "gzip"
    return Response(content, status, headers, "text/html")
