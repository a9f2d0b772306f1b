"""What an OTLP endpoint said to a request, in the terms that decide what happens to its spans."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivered:
    """The endpoint accepted every span. `warning` is what it had to say all the same."""

    warning: str = ""


@dataclass(frozen=True, slots=True)
class Partly:
    """The endpoint accepted the request but for `rejected` spans, and did not say which. OTLP forbids to send again."""

    rejected: int
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The endpoint will never accept this request as it is."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The request was not judged: nobody there, too busy, the wrong place or the wrong credentials. Try again.

    `retry_after_seconds` is how long the endpoint asks to be left alone.
    """

    reason: str
    retry_after_seconds: float | None = None


Answer = Delivered | Partly | Refused | Unavailable

# Judgements of the place, the credentials or the way of asking, not of the spans: a wrong setting loses nothing.
_NOT_ABOUT_SPANS = frozenset((401, 402, 403, 404, 405, 406, 407, 408, 410, 411, 415, 421, 425, 426, 428, 429, 431))


def judge_status(status: int, reason: str, retry_after_seconds: float | None) -> Refused | Unavailable:
    """What a status other than 2xx means for the spans of the request."""
    if 400 <= status < 500 and status not in _NOT_ABOUT_SPANS:
        return Refused(status, reason)
    return Unavailable(f"HTTP {status} {reason}".rstrip(), retry_after_seconds)
