"""Tempo's query API: its routes, as Grafana's data source asks them."""

from collections.abc import Callable

from starlette.responses import PlainTextResponse, Response

from api.endpoint import Answer, Call, Endpoint, json_response
from api.tempo.arguments import read_trace_id
from api.tempo.errors import TempoError
from api.tempo.plain import Answering, in_plain_text
from api.tempo.searching import find_traces, list_names, list_scoped_names, list_typed_values, list_values
from api.tempo.traces import (
    StoredTrace,
    find_trace,
    response_json,
    response_protobuf,
    trace_json,
    trace_protobuf,
)
from api.trace import PROTOBUF, accepts_protobuf

_NO_METRICS = (
    "Longspan does not support TraceQL metrics: ask the Tempo data source that the traces are sent to,"
    " or Prometheus for Longspan's own metrics"
)
_NO_ROUTE = "Longspan does not have this part of Tempo's API: it has traces by id, search, and names and values of tags"
_BUILD = dict.fromkeys(("version", "revision", "branch", "buildUser", "buildDate", "goVersion"), "")


async def _echo(_: Call) -> Response:
    return PlainTextResponse("echo")


async def _build(_: Call) -> Response:
    return json_response(_BUILD)


async def _get_trace(call: Call) -> Response:
    protobuf, options = accepts_protobuf(call.request), call.service.options

    def tell(trace: StoredTrace | None) -> Response:
        if trace is None:
            return Response(status_code=404)
        if protobuf:
            return Response(trace_protobuf(trace, options), media_type=PROTOBUF)
        return json_response(trace_json(trace, options))

    return await _find(call, tell)


async def _get_trace_response(call: Call) -> Response:
    protobuf, options = accepts_protobuf(call.request), call.service.options

    def tell(trace: StoredTrace | None) -> Response:
        if protobuf:
            return Response(response_protobuf(trace, options), media_type=PROTOBUF)
        return json_response(response_json(trace, options))

    return await _find(call, tell)


async def _find(call: Call, tell: Callable[[StoredTrace | None], Response]) -> Response:
    """Encoding is left to the reader's thread too: thousands of spans would hold up the loop."""
    service, trace_id = call.service, read_trace_id(call.path["id"])
    partitions, now_ns = await service.partitions(), service.now_ns()
    return await service.reader.run(lambda client: tell(find_trace(client, service, partitions, trace_id, now_ns)))


async def _no_metrics(_: Call) -> Response:
    raise TempoError(501, _NO_METRICS)


async def _no_route(_: Call) -> Response:
    raise TempoError(404, _NO_ROUTE)


_ROUTES: tuple[tuple[str, str, Answering], ...] = (
    ("/api/echo", "Whether somebody is there.", _echo),
    ("/api/status/buildinfo", "Which Tempo this is: none.", _build),
    ("/api/traces/{id}", "A trace by its id.", _get_trace),
    ("/api/v2/traces/{id}", "A trace by its id; an empty one where there is none.", _get_trace_response),
    ("/api/search", "Traces that fit a TraceQL query.", find_traces),
    ("/api/search/tags", "Names of tags.", list_names),
    ("/api/v2/search/tags", "Names of tags by scope.", list_scoped_names),
    ("/api/search/tag/{name}/values", "Values of a tag.", list_values),
    ("/api/v2/search/tag/{name}/values", "Values of a tag with their types.", list_typed_values),
    ("/api/metrics/query_range", "TraceQL metrics, which there are none of.", _no_metrics),
    ("/api/metrics/query", "TraceQL metrics, which there are none of.", _no_metrics),
    ("/api/{rest...}", "What else Tempo has.", _no_route),
)

# Not in the OpenAPI document: what they take and give is Tempo's to say.
ENDPOINTS = tuple(
    Endpoint("GET", path, summary, in_plain_text(answer), "read", (Answer(200, "As Tempo answers."),), documented=False)
    for path, summary, answer in _ROUTES
)
