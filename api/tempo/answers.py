"""Answers of Tempo's query API, in the shapes that Tempo gives them."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from api.tempo.conditions import comparisons
from api.tempo.fields import Field, Keyword, Value, canonical, values
from api.tempo.search import Finding, FoundTrace
from api.tempo.traceql import TraceQuery
from spans.otlp_json import value_json
from spans.planned import PlannedSpan

_ALREADY_TOLD = {"span:id", "span:duration", "trace:id", "trace:duration", "trace:rootName", "trace:rootService"}


def search_answer(finding: Finding, query: TraceQuery | None, spans_each: int) -> dict[str, Any]:
    """What a search found, with at most `spans_each` spans of each trace, all for 0; without `query` no spans."""
    asked: list[Field] = []
    if query is not None:
        asked = list(dict.fromkeys([one.field for one in comparisons(query.condition)] + list(query.select)))
    return {
        "traces": [_trace(trace, query is not None, asked, spans_each) for trace in finding.traces],
        "metrics": {
            "inspectedTraces": finding.runs,
            "inspectedBytes": str(finding.size),
            "completedJobs": 1,
            "totalJobs": 1 if finding.complete else 2,
        },
    }


def tags_metrics(finding: Finding) -> dict[str, Any]:
    """How much was read to find tags."""
    return {"inspectedBytes": str(finding.size)} if finding.size else {}


def typed_value(value: Value) -> dict[str, str]:
    """A tag's value with its type."""
    if isinstance(value, bool):
        return {"type": "bool", "value": "true" if value else "false"}
    kind = {Keyword: "keyword", int: "int", float: "float"}.get(type(value), "string")
    return {"type": kind, "value": str(value)}


def _trace(trace: FoundTrace, with_spans: bool, asked: Iterable[Field], spans_each: int) -> dict[str, Any]:
    whole = trace.whole
    errors = Counter(span.status for span in trace.spans)["error"]
    told: dict[str, Any] = {
        "traceID": whole.trace_id,
        "rootServiceName": whole.service,
        "rootTraceName": whole.root_name,
        "startTimeUnixNano": str(whole.start_ns),
        "durationMs": (whole.end_ns - whole.start_ns) // 1_000_000,
    }
    if with_spans:
        listed = [_span(span, trace, asked) for span in trace.matched[: spans_each or None]]
        told["spanSet"] = {"spans": listed, "matched": len(trace.matched)}
        told["spanSets"] = [told["spanSet"]]
        told["serviceStats"] = {
            whole.service: {"spanCount": len(trace.spans)} | ({"errorCount": errors} if errors else {})
        }
    return told


def _span(span: PlannedSpan, trace: FoundTrace, asked: Iterable[Field]) -> dict[str, Any]:
    told: dict[str, Any] = {"spanID": f"{span.span_id:016x}"}
    attributes = []
    for field in asked:
        name = canonical(field.name) if field.scope == "intrinsic" else ""
        if name == "span:name":
            told["name"] = span.name
        elif name not in _ALREADY_TOLD:
            found = values(field, span, trace.whole)
            attributes += [
                {"key": field.name, "value": value_json(str(value) if isinstance(value, Keyword) else value)}
                for value in found[:1]
            ]
    told |= {"startTimeUnixNano": str(span.start_ns), "durationNanos": str(span.end_ns - span.start_ns)}
    if attributes:
        told["attributes"] = attributes
    return told
