"""Traces by their id, as Tempo gives them: in JSON and in protobuf."""

from typing import Any, NamedTuple

from api.run_traces import read_trace
from api.service import Options, Service
from spans.live import SHOWN_SPANS, in_tree_order
from spans.otlp import Envelope, encode_span
from spans.otlp_json import resource_spans_json
from spans.planned import PlannedSpan
from spans.protobuf import sized
from streams.client import Client
from streams.query import find_by_trace

MOST_RUNS = 100  # a caller's trace may be continued by any number of them
_PARTIAL = 1


class StoredTrace(NamedTuple):
    """The spans of a trace; `message` says what is left out, where something is."""

    spans: list[PlannedSpan]
    message: str = ""


def find_trace(client: Client, service: Service, partitions: int, trace_id: str, now_ns: int) -> StoredTrace | None:
    """The trace of an id (32 hexadecimal digits), None where no run has it.

    Raises SnapshotError and PlanError for a journal that cannot be told, redis.RedisError.
    """
    runs = find_by_trace(client, service.keys, partitions, trace_id) if partitions else []
    shown = runs[:MOST_RUNS]
    each = SHOWN_SPANS // max(1, len(shown))
    views = [read_trace(client, service, partitions, name, run, now_ns, shown=each) for name, run in shown]
    traces = [view.trace for view in views if view is not None and view.trace.trace_id == trace_id]
    spans = in_tree_order([span for trace in traces for span in (*trace.open, *trace.ended)])
    if not spans:
        return None
    notes = []
    if len(runs) > len(shown):
        notes.append(f"{len(runs) - len(shown)} of {len(runs)} runs in this trace are left out")
    if left_out := sum(trace.left_out for trace in traces):
        notes.append(f"the {left_out} oldest spans are left out")
    return StoredTrace(spans, ", ".join(notes))


def trace_json(trace: StoredTrace, options: Options) -> dict[str, Any]:
    """The body of `/api/traces/{id}`."""
    return {"batches": [resource_spans_json(options.resource, trace.spans, "tempo")]}


def trace_protobuf(trace: StoredTrace, options: Options) -> bytes:
    """The `Trace` message: the same fields as OTLP's TracesData."""
    return Envelope(options.resource).wrap(map(encode_span, trace.spans))


def response_json(trace: StoredTrace | None, options: Options) -> dict[str, Any]:
    """The body of `/api/v2/traces/{id}`; an empty trace where there is none."""
    if trace is None:
        return {"trace": {}, "metrics": {}}
    told: dict[str, Any] = {
        "trace": {"resourceSpans": [resource_spans_json(options.resource, trace.spans, "tempo")]},
        "metrics": {},
    }
    return told | ({"status": "PARTIAL", "message": trace.message} if trace.message else {})


def response_protobuf(trace: StoredTrace | None, options: Options) -> bytes:
    """The `TraceByIDResponse` message."""
    encoded = b"\x0a" + sized(b"" if trace is None else trace_protobuf(trace, options)) + b"\x12\x00"
    if trace is not None and trace.message:
        encoded += bytes((0x18, _PARTIAL)) + b"\x22" + sized(trace.message.encode())
    return encoded
