"""The journal of one run: a header, then one record an event. Spans and state follow from it alone."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from machines.errors import NewerSnapshotError, SnapshotError
from machines.events import Event

# Since 2 a start may say where its run stands among others, which spans depend on. Since 3 records may be brief.
JOURNAL_FORMAT = 3

Result = Literal["applied", "rejected", "late"]
Outcome = Literal["ok", "error", "timeout", "cancelled"]


class Header(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The first entry of a journal: what of the machine its spans depend on, so that they outlive the document."""

    format: int
    machine: str
    version: int
    run: int
    attributes: list[str]
    export: Literal["complete", "progressive"]
    trace: Literal["own", "continue"]


class _Format(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What every version of a header begins with."""

    format: int


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one event did.

    `steps` are the states left and entered, in order: `-path` left, `+path` entered, `*path` a final state entered.
    `reason` says why an event was rejected, why a run failed where the event itself does not say so, or what was odd
    about an event that was applied (a gap in the sequence).
    `outcome` is set on the record that ended the run. `version` is set on the record with which the run moved to
    another version of its machine, `attributes` are those that this version declares.
    """

    event: Event
    result: Result
    steps: list[str] = []
    reason: str | None = None
    outcome: Outcome | None = None
    version: int | None = None
    attributes: list[str] | None = None


class _Brief(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What most records say: that an event with no more than this was applied, its subject the workflow's.

    Its position is `<ms>-<number>`, where `delay_ms` is how far `ms` is behind its time.
    """

    id: str
    source: str
    type: str
    time_ns: int
    data: str | None
    delay_ms: int
    number: int
    steps: list[str]


class _FirstBrief(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What builds of 0.5.0 wrote at first: with the subject, and the position as it is. Only read."""

    id: str
    source: str
    type: str
    subject: str
    time_ns: int
    data: str | None
    ms: int
    number: int
    steps: list[str]


_BRIEFLY = b"\x98"  # how a brief record begins, an array of eight; one in full has fewer elements
_BRIEFLY_AT_FIRST = b"\x99"  # an array of nine
_INTEGER_LIMIT = 2**63
_NANOSECONDS = 1_000_000  # in a millisecond

_encoder = msgspec.msgpack.Encoder()
_format = msgspec.msgpack.Decoder(_Format)
_header = msgspec.msgpack.Decoder(Header)
_record = msgspec.msgpack.Decoder(Record)
_brief = msgspec.msgpack.Decoder(_Brief)
_first_brief = msgspec.msgpack.Decoder(_FirstBrief)
encode_entry = _encoder.encode
UNREADABLE_ENTRY = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def encode_record(record: Record) -> bytes:
    """A record as a journal that began in format 3 keeps it: without what most records have in common.

    The subject of its event is the workflow whose journal it is.
    """
    event = record.event
    if (
        record.result != "applied"
        or record.reason is not None
        or record.outcome is not None
        or record.version is not None
        or record.attributes is not None
        or event.machine is not None
        or event.traceparent is not None
        or event.tracestate is not None
        or event.sequence is not None
        or event.parent is not None
        or event.extensions is not None
        or event.place is not None
    ):
        return _encoder.encode(record)
    first, _, second = event.position.partition("-")
    try:
        ms, number = int(first), int(second)
    except ValueError:
        return _encoder.encode(record)
    if f"{ms}-{number}" != event.position or not 0 <= ms < _INTEGER_LIMIT or not 0 <= number < _INTEGER_LIMIT:
        return _encoder.encode(record)
    delay_ms = ms - event.time_ns // _NANOSECONDS
    return _encoder.encode(
        _Brief(event.id, event.source, event.type, event.time_ns, event.data, delay_ms, number, record.steps)
    )


def decode_record(entry: bytes, workflow_id: str) -> Record:
    """A record as it was before it was stored, briefly or in full. Raises one of UNREADABLE_ENTRY."""
    if entry[:1] == _BRIEFLY_AT_FIRST:
        first = _first_brief.decode(entry)
        position = f"{first.ms}-{first.number}"
        event = Event(first.id, first.source, first.type, first.subject, None, first.time_ns, first.data, position)
        return Record(event, "applied", first.steps)
    if entry[:1] != _BRIEFLY:
        return _record.decode(entry)
    brief = _brief.decode(entry)
    position = f"{brief.time_ns // _NANOSECONDS + brief.delay_ms}-{brief.number}"
    event = Event(brief.id, brief.source, brief.type, workflow_id, None, brief.time_ns, brief.data, position)
    return Record(event, "applied", brief.steps)


def decode_header(entry: bytes) -> Header:
    """The header of a journal. Raises NewerSnapshotError when a newer version wrote it, SnapshotError for rubbish."""
    try:
        found = _format.decode(entry).format
        if found > JOURNAL_FORMAT:
            raise NewerSnapshotError("journal", found, JOURNAL_FORMAT)
        return _header.decode(entry)
    except UNREADABLE_ENTRY as error:
        raise SnapshotError(f"the journal's header cannot be read: {error}") from None


def decode_journal(entries: Sequence[bytes], workflow_id: str) -> tuple[Header, list[Record]]:
    """Header and records of a whole journal of a workflow, as stored. Raises SnapshotError."""
    header = decode_header(entries[0])
    try:
        return header, [decode_record(entry, workflow_id) for entry in entries[1:]]
    except UNREADABLE_ENTRY as error:
        raise SnapshotError(f"the journal cannot be read: {error}") from None
