"""One HTTP request to the endpoint, and what came back of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

LARGEST_BODY_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Response:
    """`body` is None where the connection ended within it, or it was too large to be an answer to an export."""

    status: int
    phrase: str
    content_type: str
    retry_after: str | None
    body: bytes | None


class NotAccepted(Exception):  # noqa: N818  it is how the library is told to leave retrying to us
    """The request was not accepted; `OneTrySession` holds the details."""


class OneTrySession(requests.Session):
    """A session that tries once, remembers what came back, and reads no more of it than an answer can hold.

    OpenTelemetry's exporter would wait and try again by itself inside one call, where a stop could not reach it and
    nobody could see it. It does so for certain statuses and errors of `requests`, so it gets an error of ours instead.

    `response` is what came back of the last request; where nothing did, `failure` says why, without secrets.
    """

    def __init__(self, session: requests.Session) -> None:
        super().__init__()
        self._session = session
        self.response: Response | None = None
        self.failure = ""

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        """One request. Raises NotAccepted for all but 2xx."""
        self.response, self.failure = None, "no request was made"
        self._session.verify, self._session.cert = self.verify, self.cert
        try:
            answer = self._session.request(method, url, *args, **{**options, "stream": True})
        except Exception as error:
            self.failure = _describe(error)
            raise NotAccepted from error
        with answer:
            self.response = Response(
                answer.status_code,
                answer.reason or "",
                answer.headers.get("Content-Type", ""),
                answer.headers.get("Retry-After"),
                _read_body(answer),
            )
        if not 200 <= answer.status_code < 300:
            raise NotAccepted
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
        super().close()


def _read_body(answer: requests.Response) -> bytes | None:
    body = b""
    try:
        for piece in answer.iter_content(8192):
            body += piece
            if len(body) > LARGEST_BODY_BYTES:
                return None
    except requests.RequestException:
        # The status has come, and it decides: to send again would double spans that were accepted.
        return None
    return body


def _describe(error: Exception) -> str:
    """Why nothing came back. Never the error's own text: it quotes the URL and headers, where keys may stand."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "no connection within the timeout"
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer within the timeout"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy cannot be reached"
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            return str(cause.strerror)
    if isinstance(error, requests.exceptions.SSLError):
        return "TLS failed"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "the connection ended without an answer"
    return f"the request could not be made ({type(error).__name__})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it: urllib3 keeps causes in `reason` and in arguments as well as in the chain."""
    waiting, seen = [error], set()
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        linked = (getattr(cause, "reason", None), cause.__cause__, cause.__context__, *cause.args)
        waiting += [one for one in linked if isinstance(one, BaseException)]
