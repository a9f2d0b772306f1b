"""The trace of a run so far: as JSON for the page and for people, and as OTLP for programs."""

from typing import Annotated, Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.endpoint import Answer, Call, Endpoint, json_response, problem_answer
from api.family_traces import FamilyTrace, read_family
from api.problems import not_found
from api.service import Service
from machines.instants import format_instant
from machines.snapshot import Status
from spans.otlp import Envelope, encode_span
from spans.otlp_json import resource_spans_json
from spans.planned import PlannedSpan, SpanStatus
from streams.client import Client

PROTOBUF = "application/protobuf"
_PROTOBUFS = (PROTOBUF, "application/x-protobuf")

Form = Literal["json", "otlp", "otlp-json"]
Nanoseconds = Annotated[str, msgspec.Meta(pattern="^[0-9]+$", description="Nanoseconds since the epoch.")]


class TraceQuery(msgspec.Struct, frozen=True):
    """Which run, by default the last, and in which form: our JSON, or OTLP TracesData in protobuf or in JSON."""

    run: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] | None = None
    format: Form | None = None


class TraceEvent(msgspec.Struct, frozen=True):
    """Something that happened during a span."""

    name: str
    time: str
    attributes: dict[str, str]


class TraceLink(msgspec.Struct, frozen=True):
    """A span elsewhere."""

    trace_id: str
    span_id: str


class TraceSpan(msgspec.Struct, frozen=True):
    """One span. `path` and `visit` name the state visit; the workflow span has the empty path and visit 0.

    An open one ends now. `dropped_events` counts those that OpenTelemetry's span limits took away.
    """

    span_id: str
    parent_id: str | None
    name: str
    path: str
    visit: int
    start: str
    end: str
    start_unix_nano: Nanoseconds
    end_unix_nano: Nanoseconds
    open: bool
    status: SpanStatus
    message: str | None
    attributes: dict[str, Any]
    events: list[TraceEvent]
    links: list[TraceLink]
    clock_skew_ms: int
    dropped_events: int


class ResourceSpans(msgspec.Struct, frozen=True, rename="camel"):
    """OTLP's own: a resource, and spans by scope."""

    resource: dict[str, Any]
    scope_spans: list[dict[str, Any]]


class TracesData(msgspec.Struct, frozen=True, rename="camel"):
    """A trace in OTLP's JSON (`format=otlp-json`): ids are hexadecimal, 64-bit numbers are text."""

    resource_spans: list[ResourceSpans]


class TraceAnswer(msgspec.Struct, frozen=True):
    """A run's spans and those of its children, parents before children, siblings by start. `truncated` is how many
    ended ones, the oldest of each run, are left out, and `runs_left_out` how many runs below it."""

    trace_id: str
    workflow: str
    run: int
    status: Status
    now: str
    spans: list[TraceSpan]
    truncated: int
    runs_left_out: int


class OtlpAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """The same spans as OTLP has them in JSON."""

    resource_spans: list[dict[str, Any]]


def describe_trace(family: FamilyTrace, now_ns: int) -> TraceAnswer:
    """The JSON form of a trace that was read at that time."""
    view, open_ids = family.view, family.open_ids
    return TraceAnswer(
        trace_id=view.trace.trace_id,
        workflow=view.workflow_id,
        run=view.run,
        status=view.trace.outcome or "running",
        now=format_instant(now_ns),
        spans=[_describe_span(span, span.span_id in open_ids) for span in family.spans],
        truncated=family.left_out,
        runs_left_out=family.runs_left_out,
    )


def _describe_span(span: PlannedSpan, is_open: bool) -> TraceSpan:
    skew = span.attributes.get("workflow.clock_skew_ms")
    return TraceSpan(
        span_id=f"{span.span_id:016x}",
        parent_id=None if span.parent_id is None else f"{span.parent_id:016x}",
        name=span.name,
        path=span.path,
        visit=span.visit,
        start=format_instant(span.start_ns),
        end=format_instant(span.end_ns),
        start_unix_nano=str(span.start_ns),
        end_unix_nano=str(span.end_ns),
        open=is_open,
        status=span.status,
        message=span.message,
        attributes=span.attributes,
        events=[TraceEvent(event.name, format_instant(event.time_ns), event.attributes or {}) for event in span.events],
        links=[TraceLink(link.trace_id, link.span_id) for link in span.links],
        clock_skew_ms=skew if isinstance(skew, int) else 0,
        dropped_events=span.dropped_events,
    )


async def _get(call: Call) -> Response:
    service, query = call.service, call.query
    now_ns = service.now_ns()
    form: Form = query.format or ("otlp" if accepts_protobuf(call.request) else "json")
    response = await service.reader.run(
        _tell, service, await service.partitions(), call.path["id"], query.run, now_ns, form
    )
    if response is None:
        which = f"run {query.run} of workflow" if query.run else "trace of a workflow"
        raise not_found(which, call.path["id"], "it has not started, or was removed after its retention")
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept"
    return response


def _tell(
    client: Client, service: Service, partitions: int, workflow_id: str, run: int | None, now_ns: int, form: Form
) -> Response | None:
    """In the reader's thread also encode: thousands of spans would hold up the loop."""
    family = read_family(client, service, partitions, workflow_id, run, now_ns)
    if family is None:
        return None
    if form == "json":
        return json_response(describe_trace(family, now_ns))
    resource, spans = service.options.resource, family.spans
    if form == "otlp":
        return Response(Envelope(resource).wrap(map(encode_span, spans)), media_type=PROTOBUF)
    return json_response({"resourceSpans": [resource_spans_json(resource, spans, "otlp")]})


def accepts_protobuf(request: Request) -> bool:
    """Whether a request asks for protobuf, and not for JSON."""
    kinds = {part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")}
    return not kinds.isdisjoint(_PROTOBUFS) and "application/json" not in kinds


ENDPOINTS = (
    Endpoint(
        "GET",
        "/workflows/{id}/trace",
        "The trace of a run so far with those of its children, open spans marked.",
        _get,
        "read",
        (
            Answer(200, "The spans, in the form asked for.", TraceAnswer),
            Answer(200, "The spans, in the form asked for.", TracesData),
            Answer(200, "The spans, in the form asked for.", media=PROTOBUF),
            Answer(200, "The spans, in the form asked for.", OtlpAnswer),
            Answer(200, "The spans, in the form asked for.", None, "application/protobuf"),
            problem_answer(404, "There is no such run."),
        ),
        TraceQuery,
    ),
)
