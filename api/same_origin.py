"""What a browser says of the page that makes it ask: other sites may not act for who is signed in here."""

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers

SAFE_METHODS = frozenset({"GET", "HEAD"})

_LOCAL = re.compile(r"(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?", re.IGNORECASE)


def is_cross_site(headers: Headers) -> bool:
    """Whether another site's page makes the browser send this. What is no browser says nothing, and is none."""
    told = headers.get("sec-fetch-site")  # every browser of today, where the page is https or local
    if told is not None:
        return told not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
    except ValueError:
        return True


def is_local(headers: Headers) -> bool:
    """Whether the request is for a name of loopback: any other may be a page's own that was bound to this address."""
    return _LOCAL.fullmatch(headers.get("host", "")) is not None
