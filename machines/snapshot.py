"""Snapshots: the folded state of a workflow, kept so that nobody has to fold from the start."""

from collections.abc import Callable
from typing import Literal

import msgspec

from machines.errors import NewerSnapshotError, SnapshotError
from machines.place import Place

SNAPSHOT_FORMAT = 3

Status = Literal["waiting", "running", "ok", "error", "timeout", "cancelled"]


class Situation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a chart stands: active state ids in the chart's own order, history and the chart's variables."""

    configuration: tuple[str, ...]
    history: dict[str, list[str]] = {}
    variables: dict[str, object] = {}


class Children(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How many children a run has: that started, of these with a trace of their own, and that ended by outcome.

    `latest_ns` is when the last of those that ended did (event time).
    """

    started: int = 0
    apart: int = 0
    ok: int = 0
    error: int = 0
    timeout: int = 0
    cancelled: int = 0
    latest_ns: int = 0

    @property
    def ended(self) -> int:
        """How many have ended."""
        return self.ok + self.error + self.timeout + self.cancelled


class Snapshot(msgspec.Struct, array_like=True):
    """The folded state of one workflow. Times are nanoseconds since the epoch, event time.

    `status` is `waiting` while events wait for a start that has not come. `entries` counts what the journal of this
    run holds, header included. `pending_spans` and `pending_bytes` count what this run has closed and journaled since
    its last part went to the outbox. `seen` holds the digests of the last events, `pages` says how many pages of
    older ones are kept beside it. `waiting` counts the events that are held back. `states` are the active states by
    path, with the time of entry. `deadlines` are due times by state path, or by the machine's name for the whole run;
    `overdue` holds those of them that were due already when they were set, with when the event that set them arrived.
    `progressive` is the machine's choice of export. `gaps` are the last ranges of sequence numbers that were given up.

    `visits` counts how often each state was entered; it is None for a run that began before they were counted. `done`
    says for which visit of a state (0: of the machine) it was last told that its children are done. `place` is where
    the run stands among others, where it has a `parent`; `caller` the traceparent and tracestate that it continues.
    `joining` is source and id of a start that waits for its parent. `in_parts` says that a part of the run was sent.
    `brief` says that its journal began in a format that has brief records: older versions read no others.
    """

    machine: str = ""
    version: int = 0
    run: int = 0
    status: Status = "waiting"
    situation: Situation = Situation(())
    attributes: dict[str, object] = {}
    started_ns: int = 0
    updated_ns: int = 0
    ended_ns: int | None = None
    entries: int = 0
    pending_spans: int = 0
    pending_bytes: int = 0
    waiting: int = 0
    seen: bytes = b""
    pages: int = 0
    states: dict[str, int] = {}
    deadlines: dict[str, int] = {}
    progressive: bool = False
    sequence: int | None = None
    gaps: list[tuple[int, int]] = []
    reason: str | None = None
    parent: str | None = None
    overdue: dict[str, int] = {}
    visits: dict[str, int] | None = {}
    children: Children = Children()
    done: dict[str, int] = {}
    place: Place | None = None
    caller: tuple[str, str | None] | None = None
    joining: tuple[str, str] | None = None
    in_parts: bool = False
    brief: bool = False

    @property
    def ended(self) -> bool:
        """Whether the current run has ended."""
        return self.ended_ns is not None


_Fields = list[object]

# From the fields of each older format to those of the next. The fields are an array: new ones stand at its end.
_UPGRADES: dict[int, Callable[[_Fields], _Fields]] = {
    1: lambda fields: [*fields[:22], {}],  # it had no `overdue`: what it has set counts as set in time
    2: lambda fields: [*fields[:23], None],  # it did not count `visits`; whether a part was sent is not known either
}

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Snapshot)
_fields_decoder = msgspec.msgpack.Decoder(_Fields)


_BEGIN = bytes((SNAPSHOT_FORMAT,))
# How most snapshots end, from `children` on; an array that lacks its end reads as its defaults.
_CHILDLESS = b"".join(map(_encoder.encode, (Children(), {}, None, None, None, False, True)))
_SHORTER = b"".join(map(_encoder.encode, ((), {}, None, None, None, False, True)))


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """The stored form: one byte of format version, then MessagePack."""
    encoded = _encoder.encode(snapshot)
    if snapshot.place is None and encoded.endswith(_CHILDLESS):
        return _BEGIN + encoded[: -len(_CHILDLESS)] + _SHORTER
    return _BEGIN + encoded


def decode_snapshot(stored: bytes) -> Snapshot:
    """The snapshot of a stored form, upgraded where an older version of Longspan wrote it.

    Raises NewerSnapshotError when a newer version wrote it, SnapshotError for rubbish.
    """
    found = stored[0] if stored else 0
    if found > SNAPSHOT_FORMAT:
        raise NewerSnapshotError("snapshot", found, SNAPSHOT_FORMAT)
    if found == 0:
        raise SnapshotError("the snapshot cannot be read: it does not begin with a format")
    encoded = memoryview(stored)[1:]
    try:
        if found == SNAPSHOT_FORMAT:
            return _decoder.decode(encoded)
        fields = _fields_decoder.decode(encoded)
        for older in range(found, SNAPSHOT_FORMAT):
            fields = _UPGRADES[older](fields)
        return msgspec.convert(fields, Snapshot)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"the snapshot cannot be read: {error}") from None
