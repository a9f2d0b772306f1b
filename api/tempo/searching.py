"""The routes that search: traces, names of tags, and their values."""

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from api.endpoint import Call, json_response
from api.tempo.answers import search_answer, tags_metrics, typed_value
from api.tempo.arguments import (
    DEFAULT_LIMIT,
    DEFAULT_SPANS,
    Parameters,
    read_number,
    read_query_text,
    read_scope,
    read_tags,
    read_wanted,
)
from api.tempo.conditions import All, Comparison, Condition
from api.tempo.fields import Field, Scope, Value
from api.tempo.search import Finding, Wanted, search
from api.tempo.tags import LOOKED_AT, fixed_values, tag_names, tag_values
from api.tempo.traceql import parse_field

_MOST_VALUES = 1_000


async def find_traces(call: Call) -> Response:
    """`/api/search`: by TraceQL in `q`, by `tags`, by both or by neither."""
    parameters = call.request.query_params
    query = read_query_text(parameters)
    tags = read_tags(parameters.get("tags", ""))
    condition = tags if query is None else All((tags, query.condition))
    wanted = read_wanted(parameters, condition, read_number(parameters, "limit", DEFAULT_LIMIT) or DEFAULT_LIMIT)
    spans_each = read_number(parameters, "spss", DEFAULT_SPANS)
    return await _look(call, wanted, lambda finding: search_answer(finding, query, spans_each))


async def list_names(call: Call) -> Response:
    """`/api/search/tags`: names in one list."""
    scope = read_scope(call.request.query_params)
    shown: tuple[Scope, ...] = (scope,) if scope else ("resource", "span")

    def tell(names: dict[Scope, list[str]], finding: Finding) -> dict[str, Any]:
        listed = sorted({name for one in shown for name in names.get(one, [])})
        return {"tagNames": listed, "metrics": tags_metrics(finding)}

    return await _find_names(call, tell)


async def list_scoped_names(call: Call) -> Response:
    """`/api/v2/search/tags`: names by scope."""
    scope = read_scope(call.request.query_params)

    def tell(names: dict[Scope, list[str]], finding: Finding) -> dict[str, Any]:
        scopes = [{"name": name, "tags": tags} for name, tags in names.items() if scope in ("", name)]
        return {"scopes": scopes, "metrics": tags_metrics(finding)}

    return await _find_names(call, tell)


async def list_values(call: Call) -> Response:
    """`/api/search/tag/{name}/values`: values as text; the name has no scope."""
    name = call.path["name"]
    field = parse_field(name if name in ("name", "status", "kind", "rootName", "rootServiceName") else f".{name}")
    return await _find_values(call, field, lambda found: [typed_value(value)["value"] for value in found])


async def list_typed_values(call: Call) -> Response:
    """`/api/v2/search/tag/{name}/values`: values with their types, of the spans that `q` finds."""
    return await _find_values(call, parse_field(call.path["name"]), lambda found: [*map(typed_value, found)])


async def _find_names(call: Call, tell: Callable[[dict[Scope, list[str]], Finding], dict[str, Any]]) -> Response:
    parameters, service = call.request.query_params, call.service
    most = read_number(parameters, "limit", _MOST_VALUES) or _MOST_VALUES
    condition = _read_condition(parameters)
    catalog = service.catalog if condition == All() else None
    resource = list(service.options.resource.attributes)

    def tell_names(finding: Finding) -> dict[str, Any]:
        names = tag_names(finding, catalog, resource)
        return tell({scope: listed[:most] for scope, listed in names.items()}, finding)

    return await _look(call, read_wanted(parameters, condition, LOOKED_AT), tell_names)


async def _find_values(call: Call, field: Field, tell: Callable[[list[Value]], list[Any]]) -> Response:
    parameters = call.request.query_params
    most = min(read_number(parameters, "limit", _MOST_VALUES) or _MOST_VALUES, _MOST_VALUES)
    fixed = fixed_values(field)
    if fixed is not None:
        return json_response({"tagValues": tell(fixed[:most]), "metrics": {}})
    has_it = Comparison(field, "!=", None)
    wanted = read_wanted(parameters, All((_read_condition(parameters), has_it)), LOOKED_AT)

    def tell_values(finding: Finding) -> dict[str, Any]:
        return {"tagValues": tell(tag_values(field, finding, most)), "metrics": tags_metrics(finding)}

    return await _look(call, wanted, tell_values)


def _read_condition(parameters: Parameters) -> Condition:
    query = read_query_text(parameters)
    return All() if query is None else query.condition


async def _look(call: Call, wanted: Wanted, tell: Callable[[Finding], dict[str, Any]]) -> Response:
    service = call.service
    partitions, now_ns = await service.partitions(), service.now_ns()
    return await service.reader.run(
        lambda client: json_response(tell(search(client, service.keys, partitions, service.options, wanted, now_ns)))
    )
