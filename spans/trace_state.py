"""What a trace still has open, so that a journal can be planned piece by piece."""

from typing import Any

import msgspec

from machines.errors import NewerSnapshotError, SnapshotError
from machines.place import Place
from spans.ids import SpanId
from spans.planned import PlannedEvent, PlannedLink
from spans.trace_context import Caller

TRACE_STATE_FORMAT = 3


class OpenSpan(msgspec.Struct, array_like=True, gc=False):
    """A span that has begun and not ended.

    `parent` is the enclosing open path (empty: the workflow span). `start_ns` is clamped, `skew_ns` says by how much;
    `latest_end_ns` is the latest end of its children, or its own start. `dropped_events` and `dropped_links`
    count those let go.
    """

    path: str
    visit: int
    span_id: SpanId
    parent: str
    start_ns: int
    skew_ns: int
    latest_end_ns: int
    events: list[PlannedEvent]
    links: list[PlannedLink]
    dropped_events: int = 0
    dropped_links: int = 0


class TraceState(msgspec.Struct, array_like=True):
    """The trace of one run, as far as it has been planned.

    `index` is how many journal entries have been planned, header included, so it is the index of the next one.
    `trace` is the run's own trace id in 32 hexadecimal digits. `workflow` is the open workflow span: None before the
    first record and after the end. `open` are the open state spans by path, in order of entry; `visits` counts visits
    by path; `attributes` are the declared attributes known so far; `caller` is the span whose trace is continued;
    `parent` the workflow that this one is part of. `version` and `declared` are the machine version and its attributes
    since the run moved to it; None: those of the header. `settled` is how many of the spans that are planned next need
    not be sent: they were.
    """

    index: int
    trace: str
    workflow: OpenSpan | None = None
    open: dict[str, OpenSpan] = {}
    visits: dict[str, int] = {}
    attributes: dict[str, Any] = {}  # AttributeValue: msgspec cannot decode a union of list types
    caller: Caller | None = None
    parent: str | None = None
    ended: bool = False
    version: int | None = None
    declared: list[str] | None = None
    settled: int = 0
    place: Place | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(TraceState)


def encode_trace_state(state: TraceState) -> bytes:
    """The stored form: one byte of format version, then MessagePack."""
    return bytes((TRACE_STATE_FORMAT,)) + _encoder.encode(state)


def decode_trace_state(stored: bytes) -> TraceState:
    """The trace state of a stored form; older formats are this one of a run that never moved to another version,
    and has no place.

    Raises NewerSnapshotError when a newer version wrote it, SnapshotError for rubbish.
    """
    if not stored or not stored[0]:
        raise SnapshotError("the trace state cannot be read: it has no format")
    if stored[0] > TRACE_STATE_FORMAT:
        raise NewerSnapshotError("trace state", stored[0], TRACE_STATE_FORMAT)
    try:
        return _decoder.decode(memoryview(stored)[1:])
    except msgspec.DecodeError as error:
        raise SnapshotError(f"the trace state cannot be read: {error}") from None


def copy_trace_state(state: TraceState) -> TraceState:
    """A state that can change while `state` stays as it is."""
    replace = msgspec.structs.replace
    return replace(
        state,
        workflow=state.workflow
        and replace(state.workflow, events=list(state.workflow.events), links=list(state.workflow.links)),
        open={path: replace(span, events=list(span.events)) for path, span in state.open.items()},
        visits=dict(state.visits),
    )


def open_spans(state: TraceState) -> list[OpenSpan]:
    """What is still open: the workflow span, then the state spans in order of entry."""
    return [state.workflow, *state.open.values()] if state.workflow is not None else []
