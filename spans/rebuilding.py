"""Journals told once more: the spans that an export has sent, or would send, byte by byte the same."""

from collections.abc import Iterable, Iterator
from itertools import islice

from opentelemetry.sdk.trace import SpanLimits

from machines.errors import SnapshotError
from machines.journal import Header, Record
from spans.errors import PlanError
from spans.limits import keep_within
from spans.otlp import encode_span
from spans.plan import Plan, plan
from spans.planned import PlannedSpan
from spans.trace_state import TraceState, decode_trace_state
from streams.deliveries import Part

PIECE_SPANS = 2_000  # of one run that are sent together, as while it was live: all of them, for most
PIECE_BYTES = 4_000_000
_RECORDS_AT_ONCE = 500


def read_part(state: bytes) -> Part | None:
    """How much of a run was sent, as its trace state says; None for one that this version cannot read."""
    try:
        told = decode_trace_state(state)
    except SnapshotError:
        return None
    return Part(told.index, told.settled)


def tell_again(
    namespace: str,
    workflow_id: str,
    header: Header,
    records: Iterable[Record],
    limits: SpanLimits,
    part: Part | None = None,
) -> Iterator[list[bytes]]:
    """The encoded spans of a run, in pieces that are sent together; with `part`, those that were sent.

    Takes the memory of a piece, however long the run. Raises PlanError where its records contradict, or where a run
    that was sent whole does not end.
    """
    piece: list[bytes] = []
    size = 0
    for span in _plan(namespace, workflow_id, header, iter(records), limits, part):
        encoded = encode_span(keep_within(limits, span))
        if piece and (len(piece) >= PIECE_SPANS or size + len(encoded) > PIECE_BYTES):
            yield piece
            piece, size = [], 0
        piece.append(encoded)
        size += len(encoded)
    if piece:
        yield piece


def _plan(
    namespace: str,
    workflow_id: str,
    header: Header,
    records: Iterator[Record],
    limits: SpanLimits,
    part: Part | None,
) -> Iterator[PlannedSpan]:
    state: TraceState | None = None

    def follow(group: list[Record]) -> Plan:
        return plan(
            namespace,
            workflow_id,
            header,
            group,
            state,
            event_limit=limits.max_events,
            link_limit=limits.max_links,
        )

    sent = records if part is None else islice(records, part.entries - 1)
    while group := list(islice(sent, _RECORDS_AT_ONCE)):
        spans, state, _ = follow(group)
        yield from spans
    if part is None and (state is None or not state.ended):
        raise PlanError(workflow_id, header.run, "its last record does not end it")
    left = 0 if part is None else part.spans
    while left > 0 and (group := list(islice(records, _RECORDS_AT_ONCE))):
        spans, state, carried = follow(group)
        # Spans of children were sent among them: those are told with the children.
        before = 0
        for after, child in carried:
            yield from spans[before : min(after, before + left)]
            left -= min(after - before, left) + child.spans
            before = after
            if left <= 0:
                return
        yield from spans[before : before + left]
        left -= len(spans) - before
