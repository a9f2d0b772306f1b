"""Snapshots: the folded state of a workflow, kept so that nobody has to fold from the start."""

from typing import Literal

import msgspec

from machines.errors import SnapshotError

SNAPSHOT_FORMAT = 1

Status = Literal["waiting", "running", "ok", "error", "timeout", "cancelled"]


class Situation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a chart stands: active state ids in the chart's own order, history and the chart's variables."""

    configuration: tuple[str, ...]
    history: dict[str, list[str]] = {}
    variables: dict[str, object] = {}


class Snapshot(msgspec.Struct, array_like=True):
    """The folded state of one workflow. Times are nanoseconds since the epoch, event time.

    `status` is `waiting` while events wait for a start that has not come. `entries` counts what the journal of this
    run holds, header included. `pending_spans` and `pending_bytes` count what this run has closed and journaled since
    its last part went to the outbox. `seen` holds the digests of the last events, `pages` says how many pages of
    older ones are kept beside it. `waiting` counts the events that are held back. `states` are the active states by
    path, with the time of entry. `deadlines` are due times by state path, or by the machine's name for the whole run.
    `progressive` is the machine's choice of export. `gaps` are the last ranges of sequence numbers that were given up.
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

    @property
    def ended(self) -> bool:
        """Whether the current run has ended."""
        return self.ended_ns is not None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Snapshot)


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """The stored form: one byte of format version, then MessagePack."""
    return bytes((SNAPSHOT_FORMAT,)) + _encoder.encode(snapshot)


def decode_snapshot(stored: bytes) -> Snapshot:
    """The snapshot of a stored form. Raises SnapshotError for a newer format and for rubbish."""
    if stored[:1] != bytes((SNAPSHOT_FORMAT,)):
        version = stored[0] if stored else "none"
        raise SnapshotError(f"the snapshot has format {version}, this version of Longspan reads {SNAPSHOT_FORMAT}")
    try:
        return _decoder.decode(memoryview(stored)[1:])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"the snapshot cannot be read: {error}") from None
