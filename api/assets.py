"""Static files of the live page, under an address that changes with their content, so that a browser keeps them."""

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from starlette.responses import Response

from api.endpoint import Answer, Call, Endpoint
from api.problems import not_found

FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"


class Asset(NamedTuple):
    """One file: as it is, packed, and how it is told from other versions of it."""

    content: bytes
    packed: bytes
    media: str
    digest: str


class Assets(NamedTuple):
    """All files by name, and the digest of all: modules import each other by relative names."""

    files: dict[str, Asset]
    digest: str


@lru_cache(maxsize=1)
def load_assets() -> Assets:
    """The static files, read once."""
    files = {path.name: _read(path) for path in sorted(FOLDER.iterdir()) if path.suffix in _TYPES}
    together = "".join(f"{name} {asset.digest}\n" for name, asset in files.items())
    return Assets(files, _digest(together.encode()))


def asset_url(name: str) -> str:
    """Where a static file is found. Raises KeyError where there is none of that name."""
    assets = load_assets()
    assert assets.files[name]
    return f"/static/{assets.digest}/{name}"


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    packed = gzip.compress(content, mtime=0)
    return Asset(content, packed, _TYPES[path.suffix], _digest(content))


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


async def _get(call: Call) -> Response:
    assets = load_assets()
    asset = assets.files.get(call.path["name"])
    if asset is None:
        raise not_found("static file", call.path["name"], "load the page again")
    packs = "gzip" in call.request.headers.get("accept-encoding", "")
    etag = f'"{asset.digest}{"-gzip" * packs}"'
    # A page that another version has made gets what there is, for now only.
    kept = _FOR_EVER if call.path["digest"] == assets.digest else "no-cache"
    headers = {"ETag": etag, "Cache-Control": kept, "Vary": "Accept-Encoding"}
    if etag in call.request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if packs:
        headers["Content-Encoding"] = "gzip"
    return Response(asset.packed if packs else asset.content, headers=headers, media_type=asset.media)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/static/{digest}/{name}",
        "A static file of the live page.",
        _get,
        None,
        (Answer(200, "The file."),),
        documented=False,
    ),
)
