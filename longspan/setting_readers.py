"""From the text of a setting to its value; each reader raises ValueError with what would be right."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from longspan.logs import FORMATS
from machines.durations import parse_duration
from machines.errors import DurationError
from streams.address import parse_address


def read_url(text: str) -> str | None:
    """A URL of Redis; None where the text is empty."""
    if not text:
        return None
    parse_address(text)
    return text


def read_directory(text: str) -> Path:
    """An absolute path; `~` is the home directory."""
    return Path(text).expanduser().resolve()


def read_file(text: str) -> Path | None:
    """An absolute path; None where the text is empty."""
    return Path(text).expanduser().absolute() if text else None


def read_auth(text: str) -> str:
    """A way to sign in to Redis."""
    if text.lower() not in ("password", "entra"):
        raise ValueError("must be password or entra")
    return text.lower()


def read_prefix(text: str) -> str:
    """What keys begin with: it must not hold the braces that mark a cluster slot."""
    if not re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", text):
        raise ValueError("must be 1 to 64 letters, digits and the signs _ . : -")
    return text


def read_namespace(text: str) -> str:
    """A tenant's name."""
    if not 0 < len(text) <= 256 or not text.isprintable():
        raise ValueError("must be 1 to 256 printable characters")
    return text


def read_sources(text: str) -> tuple[str, ...]:
    """A list separated by commas: a colon would cut `module:Class` in two."""
    return tuple(source.strip() for source in text.split(",") if source.strip())


def number(least: int, most: int) -> Callable[[str], int]:
    """A reader of whole numbers within limits."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def read_partitions(text: str) -> int | None:
    """A number of partitions; None where the text is empty."""
    return number(1, 1024)(text) if text else None


def duration(least: str, most: str) -> Callable[[str], int]:
    """A reader of durations within limits, in milliseconds."""

    def read(text: str) -> int:
        try:
            duration_ns = parse_duration(text)
        except DurationError:
            raise ValueError("is no duration: write a number and a unit, such as 500ms, 10s, 5m, 4h or 7d") from None
        if not parse_duration(least) <= duration_ns <= parse_duration(most):
            raise ValueError(f"must lie between {least} and {most}")
        return duration_ns // 1_000_000

    return read


def read_address(text: str) -> tuple[str, int] | None:
    """Host and port to listen on: a port alone is one of loopback. None where the text is empty."""
    if not text:
        return None
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not (port.isascii() and port.isdigit() and int(port) <= 65_535) or (":" in host) != ("[" in text):
        raise ValueError("must be a port, or an address and a port: 8081, 0.0.0.0:8081, [::]:8081")
    return host or "127.0.0.1", int(port)


def read_headers(text: str) -> tuple[tuple[str, str], ...]:
    """Names and values of HTTP headers: pairs separated by commas, values percent-encoded."""
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    headers = tuple((name.strip(), unquote(value.strip())) for name, _, value in pairs)
    for name, value in headers:
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or not value or not value.isprintable():
            raise ValueError("must be pairs such as Authorization=Bearer%20..., separated by commas")
    return headers


def read_level(text: str) -> str:
    """A level of Python's logging."""
    if text.lower() not in ("debug", "info", "warning", "error"):
        raise ValueError("must be debug, info, warning or error")
    return text.upper()


def read_form(text: str) -> str:
    """How lines of the log are written."""
    if text.lower() not in FORMATS:
        raise ValueError("must be text or json")
    return text.lower()


def read_trace_link(text: str) -> str | None:
    """The URL of a trace with `{trace_id}` in it; None where the text is empty."""
    if not text:
        return None
    if not re.match(r"https?://[^\s]+$", text) or "{trace_id}" not in text:
        raise ValueError("must be a URL with {trace_id} in it, such as https://grafana.example/explore?...{trace_id}")
    return text
