"""The parameters of Tempo's query API, as Grafana sends them. What Tempo would not look at is not looked at either."""

import re
from collections.abc import Mapping

from api.tempo.conditions import All, Comparison, Condition, OneOf
from api.tempo.errors import TempoError
from api.tempo.fields import SCOPES, Field, Keyword, Scope
from api.tempo.search import Wanted
from api.tempo.traceql import TraceQuery, parse_duration, parse_query

DEFAULT_LIMIT = 20
DEFAULT_SPANS = 3
_MOST = 2**31 - 1
_LATEST_SECONDS = 2**63 // 10**9
_TAG = re.compile(r'\s*([^\s="]+)=(?:"((?:\\.|[^"\\])*)"|([^\s"]*))(?=\s|$)')
_OLD_NAMES = {
    "name": Field("intrinsic", "name"),
    "status": Field("intrinsic", "status"),
    "status.code": Field("intrinsic", "status"),
    "root.name": Field("intrinsic", "rootName"),
    "root.service.name": Field("intrinsic", "rootServiceName"),
}
_TRACE_ID = re.compile(r"[0-9a-fA-F]*")

Parameters = Mapping[str, str]


def read_number(parameters: Parameters, name: str, default: int, most: int = _MOST) -> int:
    """A number from 0. Raises TempoError."""
    text = parameters.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 20) or int(text) > most:
        raise TempoError(400, f"invalid {name}: must be a number from 0 to {most}")
    return int(text)


def read_scope(parameters: Parameters) -> Scope:
    """The scope of tags that is asked for, empty for all. Raises TempoError."""
    text = parameters.get("scope", "")
    for scope in SCOPES:
        if text == scope:
            return scope
    if text not in ("", "none"):
        raise TempoError(400, f"invalid scope: {text}")
    return ""


def read_query_text(parameters: Parameters) -> TraceQuery | None:
    """The TraceQL query `q`, None where there is none. Raises TempoError."""
    text = parameters.get("q", "")
    return parse_query(text) if text.strip() else None


def read_wanted(parameters: Parameters, condition: Condition, limit: int) -> Wanted:
    """The bounds of a search: `start` and `end` (seconds), `minDuration` and `maxDuration`. Raises TempoError."""
    start = read_number(parameters, "start", 0, _LATEST_SECONDS)
    end = read_number(parameters, "end", 0, _LATEST_SECONDS)
    if start and end and end <= start:
        raise TempoError(400, f"http parameter start must be before end. received start={start} end={end}")
    shortest_ns, longest_ns = _read_duration(parameters, "minDuration"), _read_duration(parameters, "maxDuration")
    if shortest_ns is not None and longest_ns is not None and longest_ns <= shortest_ns:
        raise TempoError(400, "invalid maxDuration: must be greater than minDuration")
    return Wanted(
        condition,
        limit,
        start * 10**9 if start else None,
        end * 10**9 if end else None,
        shortest_ns,
        longest_ns,
    )


def read_tags(text: str) -> Condition:
    """The condition of `tags` as logfmt writes them: `service.name=x error=true`. Raises TempoError."""
    parts: list[Condition] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TAG.match(text, at)
        if match is None or len(parts) == 50:
            raise TempoError(400, f"invalid tags: logfmt syntax error at position {at + 1}: expected name=value")
        name, quoted, plain = match.groups()
        value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        parts.append(_read_tag(name, value))
        at = match.end()
    return All(tuple(parts))


def read_trace_id(text: str) -> str:
    """A trace id in 32 hexadecimal digits; a short one lacks zeros on its left. Raises TempoError."""
    digits = _TRACE_ID.match(text)
    good = digits.end() if digits else 0
    if good < len(text):
        wrong = text[good]
        raise TempoError(
            400, f"trace IDs can only contain hex characters: invalid character {wrong!r} at position {good + 1}"
        )
    if not 0 < len(text) <= 32:
        raise TempoError(400, "trace IDs can't be larger than 128 bits")
    return text.lower().zfill(32)


def _read_duration(parameters: Parameters, name: str) -> int | None:
    text = parameters.get(name, "")
    try:
        return parse_duration(text) if text else None
    except (ValueError, OverflowError):
        raise TempoError(400, f"invalid {name}: must be a duration such as 1.5s, 100ms or 1h30m") from None


def _read_tag(name: str, value: str) -> Condition:
    if name == "error" and value == "true":
        return Comparison(Field("intrinsic", "status"), "=", Keyword("error"))
    field = _OLD_NAMES.get(name, Field("", name))
    if field.name == "status":
        return Comparison(field, "=", Keyword(value))
    found: list[Condition] = [Comparison(field, "=", value)]
    if value in ("true", "false"):
        found.append(Comparison(field, "=", value == "true"))
    elif re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", value, re.ASCII):
        found.append(Comparison(field, "=", float(value) if "." in value else int(value)))
    return found[0] if len(found) == 1 else OneOf(tuple(found))
