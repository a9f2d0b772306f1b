"""Asking a system: one HTTP request, and its answer or what went wrong, whatever the other side does."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

BODY_LIMIT = 8 * 1024 * 1024  # bytes of an answer
ETAG_LIMIT = 256  # characters; a longer one is not kept
MOST_REDIRECTS = 3
LONGEST_RETRY_SECONDS = 3_600  # that an answer may ask us to wait
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """What came: the status, the body, its ETag, and after how many ms it wants to be asked again.

    `url` is where it came from, behind all redirects, empty where the answer is a file's. `links` are its `Link`
    headers.
    """

    status: int
    body: bytes
    media: str
    etag: str | None
    retry_after_ms: int | None
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    links: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """No answer that can be used: the `kind` is short and steady, the `detail` for people.

    `retry_after_ms` is after how long the system wants to be asked again, None where it does not say.
    """

    kind: str
    detail: str
    retry_after_ms: int | None = None


class Asker:
    """Sends requests over connections that are kept open. Enter it in the loop that uses it."""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),  # each host has a limit of its own, kept by who asks
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a small body could become any size
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str], timeout_ms: int, etag: str | None, now_seconds: float
    ) -> Reply | Fault:
        """The answer of one request. `now_seconds` is the time since the epoch, by which a date to wait for is read."""
        sent = {**headers, "Accept-Encoding": "identity"}
        if etag is not None:
            sent["If-None-Match"] = etag
        try:
            async with asyncio.timeout(timeout_ms / 1_000):
                return await self._follow(method, url, sent, now_seconds)
        except TimeoutError:
            return Fault("timeout", f"no answer within {timeout_ms} ms")
        except aiohttp.ClientConnectorError as error:
            return Fault("unreachable", _explain(error))
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError, ConnectionError, OSError) as error:
            return Fault("broken", f"the connection broke: {_say(error)}")
        except aiohttp.ClientPayloadError:
            return Fault("no-http", "the answer broke off in its middle")
        except (aiohttp.ClientError, ValueError) as error:  # what is no HTTP, as aiohttp and its parser say it
            return Fault("no-http", f"this is no answer of HTTP: {_say(error)}")

    async def _follow(self, method: str, url: str, headers: dict[str, str], now_seconds: float) -> Reply | Fault:
        """Follow redirects within the same scheme, host and port; elsewhere the request's secrets do not go."""
        origin = origin_of(url)
        for _ in range(MOST_REDIRECTS + 1):
            async with self._session.request(
                method, URL(url, encoded=True), headers=headers, allow_redirects=False
            ) as response:
                location = response.headers.get("Location")
                if response.status in (301, 302, 303, 307, 308) and location is not None:
                    url = urljoin(url, location)
                    if origin_of(url) != origin:
                        return Fault("redirect", f"it leads elsewhere, to {show_origin(url)}, and is not followed")
                    continue
                return await _read(response, url, now_seconds)
        return Fault("redirect", f"it leads on and on, more than {MOST_REDIRECTS} times")


async def _read(response: aiohttp.ClientResponse, url: str, now_seconds: float) -> Reply | Fault:
    parts: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(_CHUNK):
        parts.append(chunk)
        size += len(chunk)
        if size > BODY_LIMIT:
            response.close()
            return Fault("too-large", f"the answer has more than {BODY_LIMIT} bytes")
    etag = response.headers.get("ETag")
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    media = response.content_type if encoding == "identity" else f"{response.content_type}, packed as {encoding[:20]}"
    return Reply(
        response.status,
        b"".join(parts),
        media,
        etag if etag is not None and len(etag) <= ETAG_LIMIT else None,
        read_retry_after(response.headers.get("Retry-After"), now_seconds),
        url,
        response.headers,
        response.headers.getall("Link", ()),
    )


def read_retry_after(value: str | None, now_seconds: float) -> int | None:
    """Milliseconds that a `Retry-After` header asks to wait, an hour at most; None where it says nothing of use."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        seconds = float(text)
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now_seconds
        except (ValueError, TypeError, OverflowError):
            return None
    return round(min(max(0.0, seconds), LONGEST_RETRY_SECONDS) * 1_000)


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL: what has to stay the same where an answer leads on."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", "", None
    return parts.scheme, (parts.hostname or "").lower(), port


def show_origin(url: str) -> str:
    """The beginning of a URL, for a person: the rest may hold secrets."""
    scheme, host, port = origin_of(url)
    return ascii(f"{scheme}://{host}:{port}"[:200]) if host else "no URL"


def _explain(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the host {error.host} is not known"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLError):
        return f"TLS with {error.host} failed: {_say(error)}"
    return f"{error.host} port {error.port} cannot be connected to: {_say(error.os_error)}"


def _say(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return ascii(str(text).splitlines()[0][:200])[1:-1]
