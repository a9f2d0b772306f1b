"""The HTTP binding of CloudEvents 1.0: from the headers and body of a request to entries of the ingress stream."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

import msgspec

from api.problems import Problem
from machines.entries import TRACE_LIMIT, Prepared, check_attributes, open_structured
from machines.errors import EventError

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
JSON = "application/json"
EVENTS_LIMIT = 1_000  # of one batch, which is appended whole: Redis serves nobody else for some 4 ms then

Headers = Sequence[tuple[bytes, bytes]]  # names in lower case, as ASGI has them

_UNSENT = frozenset(("specversion", "datacontenttype"))  # said by the door itself, and nothing that is kept
_CONTEXT = (b"traceparent", b"tracestate")
_read_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a request brings: for each event, in order, an entry or why it is none."""

    items: Sequence[Prepared | EventError]
    batch: bool


def read_delivery(headers: Headers, body: bytes, position: str) -> Delivery:
    """The events of a request; `position` is of the entry that an event without a time would have now.

    Raises Problem 415 for a body of another type, 400 for a batch that is no list, 413 for one with too many events.
    """
    media, charset = content_type(headers)
    binary = media not in (STRUCTURED, BATCH) and any(name.startswith(b"ce-") for name, _ in headers)
    if charset not in ("", "utf-8", "us-ascii"):
        raise _unsupported(f"the charset {charset[:40]!r} is not understood: send UTF-8")
    if binary:
        if body and not (media in (JSON, "text/json") or media.endswith("+json")):
            raise _unsupported(f"the body is {_named(media)}: data must be JSON, such as {JSON}")
        return Delivery([_prepare_binary(headers, body, position)], False)
    if media not in (STRUCTURED, BATCH, JSON):
        raise _unsupported(
            f"the body is {_named(media)}: send {STRUCTURED}, {BATCH}, or the attributes in ce- headers and data as"
            f" {JSON}"
        )
    text = _decode(body)
    context = _context(headers)
    if media == BATCH or (media == JSON and text.lstrip()[:1] == "["):
        items = _split(text)
        return Delivery([_prepare_structured(bytes(item).decode(), context, position) for item in items], True)
    return Delivery([_prepare_structured(text, context, position)], False)


def content_type(headers: Headers) -> tuple[str, str]:
    """Media type and charset in lower case, empty where they are not given."""
    value = next((value for name, value in headers if name == b"content-type"), b"").decode("latin-1")
    media, *parameters = value.split(";")
    given = dict(parameter.strip().lower().partition("=")[::2] for parameter in parameters)
    return media.strip().lower(), given.get("charset", "").strip('" ')


def _named(media: str) -> str:
    return repr(media[:100]) if media else "of no type (Content-Type)"


def _unsupported(detail: str) -> Problem:
    return Problem(415, "Unsupported Media Type", detail, field="Content-Type")


def _decode(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Problem(400, "Wrong event", "the body is not UTF-8 text", field="body") from None


def _split(text: str) -> list[msgspec.Raw]:
    try:
        items = _read_items(text)
    except RecursionError:
        raise Problem(400, "Wrong event", "the body is nested too deep", field="body") from None
    except msgspec.DecodeError as error:
        raise Problem(400, "Wrong event", f"the body is not a JSON list of events: {error}", field="body") from None
    if len(items) > EVENTS_LIMIT:
        detail = f"the batch has {len(items):,} events, at most {EVENTS_LIMIT:,} may be sent at once: send it in parts"
        raise Problem(413, "Content Too Large", detail, field="body")
    return items


def _prepare_structured(text: str, context: dict[str, str], position: str) -> Prepared | EventError:
    try:
        attributes = open_structured(text)
        return _prepare(attributes if "traceparent" in attributes else {**attributes, **context}, position)
    except EventError as error:
        return error


def _prepare_binary(headers: Headers, body: bytes, position: str) -> Prepared | EventError:
    try:
        attributes = read_attributes(headers)
        if body:
            attributes["data"] = body.decode()
        return _prepare(attributes if "traceparent" in attributes else {**attributes, **_context(headers)}, position)
    except UnicodeDecodeError:
        return EventError("data", "is not UTF-8 text")
    except EventError as error:
        return error


def _prepare(attributes: dict[str, str], position: str) -> Prepared:
    event = check_attributes(attributes, position)
    fields = {name.encode(): value.encode() for name, value in attributes.items() if name not in _UNSENT}
    return Prepared(fields, event)


def read_attributes(headers: Headers) -> dict[str, str]:
    """The attributes that ce- headers hold, each decoded once as the binding has it. Raises EventError."""
    attributes: dict[str, str] = {}
    for header, raw in headers:
        if header.startswith(b"ce-"):
            name = header[3:].decode("latin-1")
            if name in attributes:
                raise EventError(name, "is given twice")
            if name in ("data", "event", "datacontenttype"):
                raise EventError(name, "cannot be given as a header: the body is the data, Content-Type its type")
            try:
                attributes[name] = unquote_to_bytes(_unquoted(raw)).decode()
            except UnicodeDecodeError:
                raise EventError(name, "is not percent-encoded UTF-8 text") from None
    return attributes


def _unquoted(raw: bytes) -> bytes:
    """A header's value without the double quotes around it (RFC 9110, quoted-string)."""
    if len(raw) < 2 or not (raw.startswith(b'"') and raw.endswith(b'"')):
        return raw
    parts = raw[1:-1].split(b"\\\\")
    return b"\\".join(part.replace(b"\\", b"") for part in parts)


def _context(headers: Headers) -> dict[str, str]:
    """The caller's span, as W3C Trace Context has it; what cannot be one is left out, as that says."""
    found = {name.decode(): _joined(value for key, value in headers if key == name) for name in _CONTEXT}
    return {name: value for name, value in found.items() if value} if found["traceparent"] else {}


def _joined(values: Iterable[bytes]) -> str:
    value = b",".join(values)
    return value.decode() if value.isascii() and len(value) <= TRACE_LIMIT else ""
