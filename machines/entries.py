"""Entries of the ingress stream: from the fields that a producer wrote to an event, or to a reason why not."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from machines.errors import EventError
from machines.events import REDRIVE, Event
from machines.instants import LATEST_NS, parse_instant

TEXT_LIMIT = 1_024  # characters of id, source and type
NAME_LIMIT = 256  # characters of subject, machine and parent, and of an extension's name
TRACE_LIMIT = 8 * 1024  # characters of traceparent and tracestate
DATA_LIMIT = 256 * 1024  # bytes
DEPTH_LIMIT = 100  # objects and lists inside each other
EXTENSIONS_LIMIT = 64 * 1024  # bytes of all extension attributes together
LONGEST_EVENT = DATA_LIMIT + EXTENSIONS_LIMIT + 2 * TRACE_LIMIT + 8 * TEXT_LIMIT  # characters of it as JSON
VERSION_LIMIT = 2**31 - 1  # of a machine, as in machine.schema.json

_KNOWN = frozenset(
    ("id", "source", "type", "subject", "machine", "time", "data", "traceparent", "tracestate", "sequence", "parent")
)
_TOO_DEEP = f"is nested deeper than {DEPTH_LIMIT} levels"
_JSON_TYPES = ("application/json", "text/json")
_read_object = msgspec.json.Decoder(dict[str, object]).decode
_read_structured = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_text = msgspec.json.Decoder(str).decode


@dataclass(frozen=True, slots=True)
class Prepared:
    """An entry that will be accepted: its fields, and the event that it will be read as."""

    fields: Mapping[bytes, bytes]
    event: Event


def parse_entry(fields: Mapping[bytes, bytes], position: str) -> Event:
    """The event of an ingress entry; `position` is the entry's id, `<ms>-<seq>`.

    Raises EventError naming the first attribute at fault.
    """
    try:
        attributes = {name.decode(): value.decode() for name, value in fields.items()}
    except UnicodeDecodeError:
        raise EventError(_undecodable(fields), "is not UTF-8 text") from None
    structured = attributes.get("event")
    if structured is not None:
        if len(attributes) > 1:
            other = next(name for name in attributes if name != "event")
            raise EventError("event", f"a structured event stands alone, but the entry has {other} beside it")
        attributes = open_structured(structured)
    return check_attributes(attributes, position)


def _undecodable(fields: Mapping[bytes, bytes]) -> str:
    for name, value in fields.items():
        try:
            name.decode()
            value.decode()
        except UnicodeDecodeError:
            return _show(name.decode(errors="replace"))
    return "entry"


def _show(name: str) -> str:
    return ascii(name[:NAME_LIMIT])[1:-1] or "''"


def open_structured(text: str, limit: int = LONGEST_EVENT) -> dict[str, str]:
    """The attributes of a CloudEvent in JSON (CloudEvents 1.0, JSON format), not checked yet. Raises EventError."""
    if len(text) > limit:
        raise EventError("event", "is longer than the limits of its attributes allow")
    try:
        members = {name: bytes(raw).decode() for name, raw in _read_structured(text).items()}
        attributes = {
            name: value if name == "data" or not value.startswith('"') else _read_text(value)
            for name, value in members.items()
            if value != "null"
        }
    except RecursionError:
        raise EventError("event", _TOO_DEEP) from None
    except msgspec.DecodeError as error:
        raise EventError("event", f"is not a JSON object: {error}") from None
    for name in attributes:
        if name != "data" and members[name][0] in "[{":
            raise EventError(_show(name), "is an object or list: only data may be one")
        if name == "event":
            raise EventError("event", "is the name of the field that holds an event: call the attribute otherwise")
    return attributes


def check_attributes(attributes: dict[str, str], position: str) -> Event:
    """The event that has these attributes, `data` as JSON text; `position` as for parse_entry. Raises EventError."""
    subject = _required(attributes, "subject", NAME_LIMIT)
    source, data = attributes.get("source", ""), attributes.get("data")
    if not subject.isprintable():
        raise EventError("subject", "has characters that cannot be printed")
    if len(source) > TEXT_LIMIT:
        raise EventError("source", f"is longer than {TEXT_LIMIT} characters")
    extensions = None
    if not _KNOWN.issuperset(attributes):
        extensions = _check_extensions({name: value for name, value in attributes.items() if name not in _KNOWN})
        if extensions and REDRIVE in extensions:
            _check_redrive(attributes)
    return Event(
        _required(attributes, "id", TEXT_LIMIT),
        source,
        _required(attributes, "type", TEXT_LIMIT),
        subject,
        _required(attributes, "machine", NAME_LIMIT) if "machine" in attributes else None,
        _check_time(attributes.get("time"), position),
        None if data is None else check_data(data),
        position,
        _context(attributes, "traceparent") if "traceparent" in attributes else None,
        _context(attributes, "tracestate") if "tracestate" in attributes else None,
        _check_sequence(attributes["sequence"]) if "sequence" in attributes else None,
        _required(attributes, "parent", NAME_LIMIT) if "parent" in attributes else None,
        extensions,
    )


def _required(attributes: dict[str, str], name: str, limit: int) -> str:
    value = attributes.get(name)
    if value is None:
        raise EventError(name, "is missing")
    if not value:
        raise EventError(name, "is empty")
    if len(value) > limit:
        raise EventError(name, f"is longer than {limit} characters")
    return value


def _context(attributes: dict[str, str], name: str) -> str | None:
    return _required(attributes, name, TRACE_LIMIT) if attributes.get(name) else None


def _check_time(text: str | None, position: str) -> int:
    if text is None:
        return min(int(position.partition("-")[0]) * 1_000_000, LATEST_NS)
    try:
        return parse_instant(text)
    except ValueError as error:
        raise EventError("time", str(error)) from None


def check_data(text: str) -> str:
    """The data's JSON text, which must be an object within the limits. Raises EventError."""
    if len(text) > DATA_LIMIT or (not text.isascii() and len(text.encode()) > DATA_LIMIT):
        raise EventError("data", f"is longer than {DATA_LIMIT} bytes")
    try:
        data = _read_object(text)
    except RecursionError:
        raise EventError("data", _TOO_DEEP) from None
    except msgspec.ValidationError as error:
        if text.lstrip()[:1] != "{":
            raise EventError("data", "is not a JSON object") from None
        raise EventError("data", f"cannot be read: {error}") from None  # such as a number beyond what a float holds
    except msgspec.DecodeError as error:
        raise EventError("data", f"is not JSON: {error}") from None
    if text.count("{") + text.count("[") > DEPTH_LIMIT and _is_too_deep(data):
        raise EventError("data", _TOO_DEEP)
    return text


def _is_too_deep(data: dict[str, object]) -> bool:
    level: list[dict[str, object] | list[object]] = [data]
    for _ in range(DEPTH_LIMIT):
        inside = [item.values() if isinstance(item, dict) else item for item in level]
        level = [item for items in inside for item in items if isinstance(item, dict | list)]
    return bool(level)


def _check_sequence(text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise EventError("sequence", "is not an integer")
    return int(text)


def _check_redrive(attributes: dict[str, str]) -> None:
    version = attributes[REDRIVE]
    if not (version.isascii() and version.isdigit() and 0 < len(version) < 11 and 0 < int(version) <= VERSION_LIMIT):
        raise EventError(REDRIVE, "is not the version of a machine, a number from 1")
    if "sequence" in attributes:
        raise EventError("sequence", f"does not go with {REDRIVE}: a redriven event is applied when it comes")


def _check_extensions(extensions: dict[str, str]) -> dict[str, str] | None:
    version = extensions.pop("specversion", "1.0")
    if version != "1.0":
        raise EventError("specversion", f"is {version[:20]!r}: only CloudEvents 1.0 is understood")
    content_type = extensions.pop("datacontenttype", "application/json").partition(";")[0].strip().lower()
    if content_type not in _JSON_TYPES and not content_type.endswith("+json"):
        raise EventError("datacontenttype", f"is {content_type[:100]!r}: data must be JSON")
    if "data_base64" in extensions:
        raise EventError("data_base64", "binary data is not supported: send a JSON object as data")
    for name in extensions:
        if not 0 < len(name) <= NAME_LIMIT or not name.isprintable():
            raise EventError(_show(name), "is no name for an attribute")
    if (
        sum(len(name.encode()) + len(value.encode()) for name, value in extensions.items() if name != REDRIVE)
        > EXTENSIONS_LIMIT
    ):
        raise EventError("extensions", f"are longer than {EXTENSIONS_LIMIT} bytes together")
    return extensions or None
