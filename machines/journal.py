"""The journal of one run: a header, then one record an event. Spans and state follow from it alone."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from machines.errors import NewerSnapshotError, SnapshotError
from machines.events import Event

JOURNAL_FORMAT = 2  # since 2 a start may say where its run stands among others, which spans depend on

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


_encoder = msgspec.msgpack.Encoder()
_format = msgspec.msgpack.Decoder(_Format)
_header = msgspec.msgpack.Decoder(Header)
_record = msgspec.msgpack.Decoder(Record)
encode_entry = _encoder.encode
decode_record = _record.decode
UNREADABLE_ENTRY = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decode_header(entry: bytes) -> Header:
    """The header of a journal. Raises NewerSnapshotError when a newer version wrote it, SnapshotError for rubbish."""
    try:
        found = _format.decode(entry).format
        if found > JOURNAL_FORMAT:
            raise NewerSnapshotError("journal", found, JOURNAL_FORMAT)
        return _header.decode(entry)
    except UNREADABLE_ENTRY as error:
        raise SnapshotError(f"the journal's header cannot be read: {error}") from None


def decode_journal(entries: Sequence[bytes]) -> tuple[Header, list[Record]]:
    """Header and records of a whole journal, as stored. Raises SnapshotError."""
    header = decode_header(entries[0])
    try:
        return header, [decode_record(entry) for entry in entries[1:]]
    except UNREADABLE_ENTRY as error:
        raise SnapshotError(f"the journal cannot be read: {error}") from None
