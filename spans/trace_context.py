"""W3C trace context: who called, as `traceparent` and `tracestate` say it."""

import re

import msgspec

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?", re.ASCII)
_KEY = r"[a-z0-9][a-z0-9_\-*/@]{0,255}"
_VALUE = r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
_MEMBER = rf"[ \t]*(?:{_KEY}={_VALUE}[ \t]*)?"
_TRACESTATE = re.compile(rf"{_MEMBER}(?:,{_MEMBER}){{0,31}}", re.ASCII)
_FORBIDDEN_VERSION = "ff"
_FIRST_VERSION = "00"


class Caller(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A span of someone else: `trace_id` in 32 and `span_id` in 16 hexadecimal digits, `tracestate` if it is valid."""

    trace_id: str
    span_id: str
    tracestate: str | None = None


def read_caller(traceparent: str | None, tracestate: str | None) -> Caller | None:
    """The caller that a `traceparent` names, or None where it is missing or breaks the W3C format."""
    if traceparent is None:
        return None
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None:
        return None
    version, trace, span, rest = match.groups()
    if version == _FORBIDDEN_VERSION or (version == _FIRST_VERSION and rest):
        return None
    if not trace.strip("0") or not span.strip("0"):
        return None
    if not tracestate or not _TRACESTATE.fullmatch(tracestate):
        tracestate = None
    return Caller(trace, span, tracestate)
