"""Traces by their id, as Tempo gives them: in JSON and in protobuf."""

from typing import Any, NamedTuple

from api.run_traces import RunTraceView, read_trace, read_traces
from api.service import Options, Service
from spans.live import SHOWN_SPANS, LiveTrace, in_tree_order
from spans.otlp import Envelope, encode_span
from spans.otlp_json import resource_spans_json
from spans.planned import PlannedSpan
from spans.protobuf import sized
from streams.client import Client
from streams.query import find_by_trace

MOST_RUNS = 500  # a trace may be shared by any number of them: children of one parent, or of one caller
_PARTIAL = 1


class StoredTrace(NamedTuple):
    """The spans of a trace; `message` says what is left out, where something is."""

    spans: list[PlannedSpan]
    message: str = ""


def find_trace(client: Client, service: Service, partitions: int, trace_id: str, now_ns: int) -> StoredTrace | None:
    """The trace of an id (32 hexadecimal digits), None where no run has it.

    Raises SnapshotError and PlanError where the only run of it cannot be told, redis.RedisError.
    """
    runs = find_by_trace(client, service.keys, partitions, trace_id) if partitions else []
    runs.sort(key=lambda run: (len(run[0]), run))  # the id of a child is seldom shorter than that of its parent
    shown = runs[:MOST_RUNS]
    each = SHOWN_SPANS // max(1, len(shown))
    views = read_traces(client, service, partitions, shown, now_ns, shown=each)
    if len(views) == 1 and isinstance(views[0], Exception):
        raise views[0]
    told = [view for view in views if isinstance(view, RunTraceView) and view.trace.trace_id == trace_id]
    traces = [_whole(client, service, partitions, view, now_ns) for view in told]
    spans = in_tree_order([span for trace in traces for span in (*trace.open, *trace.ended)])
    if not spans:
        return None
    notes = []
    if unreadable := sum(isinstance(view, Exception) for view in views):
        notes.append(f"{unreadable} of {len(runs)} runs in this trace cannot be told")
    if len(runs) > len(shown):
        notes.append(f"{len(runs) - len(shown)} of {len(runs)} runs in this trace are left out")
    if left_out := sum(trace.left_out for trace in traces):
        notes.append(f"the {left_out} oldest spans are left out")
    return StoredTrace(spans, ", ".join(notes))


def _whole(client: Client, service: Service, partitions: int, view: RunTraceView, now_ns: int) -> LiveTrace:
    """The trace of a run; of the topmost one as much as if it were alone, since all others hang on it."""
    trace = view.trace
    if not trace.left_out or any(not span.path and span.parent_id is not None for span in trace.spans):
        return trace
    again = read_trace(client, service, partitions, view.workflow_id, view.run, now_ns, shown=SHOWN_SPANS)
    return trace if again is None else again.trace


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
