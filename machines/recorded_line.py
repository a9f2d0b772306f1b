"""One line of a recorded stream: the event, and what became of it."""

from typing import Annotated, Literal, NamedTuple

import msgspec

from machines.entries import (
    LONGEST_EVENT,
    NAME_LIMIT,
    TEXT_LIMIT,
    TRACE_LIMIT,
    check_attributes,
    check_data,
    open_structured,
)
from machines.errors import EventError, LineError
from machines.events import Event
from machines.instants import parse_instant
from machines.journal import JOURNAL_FORMAT, Header, Outcome, Record, Result
from machines.messages import MESSAGE_POSITION
from machines.place import Place
from machines.timeouts import DEADLINE_POSITION

LINE_LIMIT = 4 * LONGEST_EVENT  # bytes: what a journal can hold of one event, written twice and escaped

_PREFIX = "longspan"
_MARK = b'"' + _PREFIX.encode()
_NO_POSITION = ""
_NOTHING = msgspec.Raw()
_REQUIRED = ("run", "index", "result", "position")


class Marks(msgspec.Struct, rename=_PREFIX.__add__, omit_defaults=True, kw_only=True):
    """The attributes that a recorded line has beyond its event.

    `text` is the event's data as it came, where that is not one line without space around it. `place` is that of a
    child's start, as JSON. `format` and what follows
    are on the first line of a run only.
    """

    run: int | None = None
    index: int | None = None
    result: Result | None = None
    position: str | None = None
    steps: str | None = None
    reason: str | None = None
    outcome: Outcome | None = None
    version: int | None = None
    attributes: str | None = None
    text: str | None = None
    place: str | None = None
    format: int | None = None
    machine: str | None = None
    export: Literal["complete", "progressive"] | None = None
    trace: Literal["own", "continue"] | None = None


MARKS = frozenset(Marks.__struct_encode_fields__)

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_LIMIT)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LIMIT)]
_Context = Annotated[str, msgspec.Meta(min_length=1, max_length=TRACE_LIMIT)]


class _Members(Marks, rename=None, forbid_unknown_fields=True, kw_only=True):
    """All members of a line, where they are as in almost every one: it is read at once then."""

    specversion: Literal["1.0"] = "1.0"
    id: _Text
    type: _Text
    subject: _Name
    time: str
    source: Annotated[str, msgspec.Meta(max_length=TEXT_LIMIT)] = ""
    named: _Name | None = msgspec.field(name="machine", default=None)
    datacontenttype: Literal["application/json"] | None = None
    data: msgspec.Raw = _NOTHING
    traceparent: _Context | None = None
    tracestate: _Context | None = None
    sequence: Annotated[int, msgspec.Meta(gt=-(10**18), lt=10**18)] | None = None
    parent: _Name | None = None


_marks = msgspec.json.Decoder(Marks)
_members = msgspec.json.Decoder(_Members)
_decode_place = msgspec.json.Decoder(Place).decode
_names_decoder = msgspec.json.Decoder(list[str])


class Fate(msgspec.Struct, frozen=True, gc=False):
    """What became of a recorded event: the `index`-th (from 1) of its run.

    `header` is set on the first of a run.
    """

    run: int
    index: int
    record: Record
    header: Header | None = None


class Line(NamedTuple):
    """One line of a file, counted from 1. `fate` is None where it is a plain CloudEvent, which has no position."""

    number: int
    event: Event
    fate: Fate | None = None


def read_line(text: bytes, number: int) -> Line:
    """One line, recorded or a plain CloudEvent in JSON; `number` is for errors. Raises LineError."""
    try:
        if len(text) > LINE_LIMIT:
            raise LineError(number, "line", f"is longer than {LINE_LIMIT} bytes")
        return _read_plainly(text, number) or _read_any(text, number)
    except UnicodeDecodeError:
        raise LineError(number, "line", "is not UTF-8 text") from None
    except EventError as error:
        bare = text.strip()
        if error.field == "event" and bare.startswith(b"{") and not bare.endswith(b"}"):
            raise LineError(number, "line", "is cut off: it does not end as a JSON object does") from None
        raise LineError(number, error.field, error.reason) from None


def _read_plainly(text: bytes, number: int) -> Line | None:
    """A line without anything unusual, which is read in a third of the time; None where that cannot be said."""
    try:
        told = _members.decode(text)
        time_ns = parse_instant(told.time)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
    if not told.subject.isprintable():
        return None
    data = told.text
    if data is None and told.data is not _NOTHING:
        data = bytes(told.data).decode()
    event = Event(
        told.id,
        told.source,
        told.type,
        told.subject,
        told.named,
        time_ns,
        None if data is None or data == "null" else check_data(data),
        _NO_POSITION if told.position is None else told.position,
        told.traceparent,
        told.tracestate,
        told.sequence,
        told.parent,
        place=None if told.place is None else _read_place(number, told.place),
    )
    return Line(number, event, _fate(number, event, told) if _MARK in text else None)


def _read_any(text: bytes, number: int) -> Line:
    attributes = open_structured(text.decode(), LINE_LIMIT)
    if "time" not in attributes:
        raise LineError(number, "time", "is missing: a file has no other time")
    marks = _read_marks(text, number)
    attributes = {name: value for name, value in attributes.items() if name not in MARKS}
    if marks.text is not None:
        attributes["data"] = marks.text
    identity, position = attributes.get("id", ""), marks.position
    if position is None:
        event = check_attributes(attributes, _NO_POSITION)
    else:
        if position.startswith(
            (DEADLINE_POSITION, MESSAGE_POSITION)
        ):  # named after what is longer than a producer's id
            attributes["id"] = identity[:1]
        place = None if marks.place is None else _read_place(number, marks.place)
        event = check_attributes(attributes, _NO_POSITION)
        event = msgspec.structs.replace(event, id=identity, position=position, place=place)
    return Line(number, event, _fate(number, event, marks))


def _read_marks(text: bytes, number: int) -> Marks:
    try:
        return _marks.decode(text)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at ")
        raise LineError(number, place.strip("`").removeprefix("$.") or "line", reason) from None


def _fate(number: int, event: Event, marks: Marks) -> Fate | None:
    run, index, result = marks.run, marks.index, marks.result
    if run is None or index is None or result is None or marks.position is None:
        told = [name for name in Marks.__struct_fields__ if getattr(marks, name) is not None]
        if not told:
            return None
        name = next(name for name in _REQUIRED if name not in told)
        raise LineError(number, _PREFIX + name, "is missing, beside other attributes of a recorded line")
    begins = index == 1
    names = None if marks.attributes is None else _read_names(number, marks.attributes)
    steps = marks.steps.split(" ") if marks.steps else []
    if begins:
        record = Record(event, result, steps, marks.reason, marks.outcome)
        return Fate(run, index, record, _read_header(number, marks, names))
    return Fate(run, index, Record(event, result, steps, marks.reason, marks.outcome, marks.version, names))


def _read_names(number: int, text: str) -> list[str]:
    try:
        return _names_decoder.decode(text)
    except msgspec.DecodeError as error:
        raise LineError(number, "longspanattributes", f"is not a JSON list of names: {error}") from None


def _read_place(number: int, text: str) -> Place:
    try:
        return _decode_place(text)
    except msgspec.DecodeError as error:
        raise LineError(number, "longspanplace", f"is not the place of a child: {error}") from None


def _read_header(number: int, marks: Marks, names: list[str] | None) -> Header:
    if marks.format is not None and marks.format > JOURNAL_FORMAT:
        reason = f"is {marks.format}, this version of Longspan reads up to {JOURNAL_FORMAT}: upgrade it"
        raise LineError(number, "longspanformat", reason)
    told = (marks.format, marks.machine, marks.version, marks.run, names, marks.export, marks.trace)
    try:
        return msgspec.convert(told, Header)
    except msgspec.ValidationError:
        name = Header.__struct_fields__[told.index(None)]
        raise LineError(number, _PREFIX + name, "is missing on the first line of a run") from None
