"""The page about the API for people, rendered from the OpenAPI document, and that document itself."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
from starlette.responses import Response

from api.endpoint import Answer, Call, Endpoint
from api.frame import render
from api.openapi import make_document
from api.responses import encoded_if_changed

EXAMPLES = {"id": "wf-42", "name": "order"}  # what a line to try has in its path
EVENT = (
    '{"specversion": "1.0", "id": "e-1", "source": "/shop", "type": "com.example.shop.order.placed",'
    ' "subject": "wf-42"}'
)

Linked = list[tuple[str, str | None]]  # pieces of text, each with the name of the type that it links to


class Row(NamedTuple):
    """A parameter, or a field of a type."""

    name: str
    place: str
    required: bool
    kind: Linked
    meaning: str


class Operation(NamedTuple):
    """A route as it is shown; `answers` are status, meaning and type."""

    anchor: str
    method: str
    path: str
    summary: str
    scope: str | None
    parameters: list[Row]
    answers: list[tuple[str, str, Linked]]
    line: str


class Kind(NamedTuple):
    """A type and its fields."""

    name: str
    meaning: str
    fields: list[Row]


def document_endpoints(endpoints: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    """The routes of the document and the page; both are made when they are first asked for."""

    @cache
    def document() -> dict[str, Any]:
        return make_document((*endpoints, *own))

    @cache
    def encoded() -> bytes:
        return msgspec.json.format(msgspec.json.encode(document()), indent=2)

    async def get_document(call: Call) -> Response:
        return encoded_if_changed(call.request, encoded())

    async def get_page(call: Call) -> Response:
        base = f"{call.request.url.scheme}://{call.request.url.netloc}"
        told = document()
        operations, kinds = list(_operations(told, base)), list(_kinds(told))
        return render(call, "docs.html", section="docs", info=told["info"], operations=operations, kinds=kinds)

    as_json, as_page = Answer(200, "OpenAPI 3.1.", dict[str, Any]), Answer(200, "A page.", None, "text/html")
    own = (
        Endpoint("GET", "/openapi.json", "This document.", get_document, None, (as_json,)),
        Endpoint("GET", "/docs", "This document as a page.", get_page, None, (as_page,), documented=False),
    )
    return own


def _operations(document: Mapping[str, Any], base: str) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            security = operation.get("security")
            yield Operation(
                operation["operationId"],
                method.upper(),
                path,
                operation["summary"],
                security[0]["token"][0] if security else None,
                [_parameter(parameter) for parameter in operation["parameters"]],
                [(status, *_answer(answer)) for status, answer in operation["responses"].items()],
                _line(base, path, method.upper(), operation),
            )


def _kinds(document: Mapping[str, Any]) -> Iterator[Kind]:
    for name, schema in document["components"]["schemas"].items():
        required = schema.get("required", ())
        fields = [
            Row(field, "", field in required, _tell(told), told.get("description", ""))
            for field, told in schema.get("properties", {}).items()
        ]
        yield Kind(name, schema.get("description", ""), fields)


def _parameter(parameter: Mapping[str, Any]) -> Row:
    schema = parameter["schema"]
    is_open = schema.get("type") == "object"  # of any name behind a prefix
    kind: Linked = [("text", None)] if is_open else _tell(schema)
    name = f"{parameter['name']}.<name>" if is_open else parameter["name"]
    meaning = parameter.get("description", "")
    if "default" in schema and schema["default"] is not False:
        meaning = f"{meaning} Default: {schema['default']}.".strip()
    return Row(name, parameter["in"], parameter.get("required", False), kind, meaning)


def _answer(answer: Mapping[str, Any]) -> tuple[str, Linked]:
    for media, content in answer.get("content", {}).items():
        schema = content.get("schema")
        return answer["description"], _tell(schema) if schema else [(media, None)]
    return answer["description"], []


def _tell(schema: Mapping[str, Any]) -> Linked:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return [(name, name)]
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        told = [_tell(choice) for choice in choices]
        return [piece for number, one in enumerate(told) for piece in ([(" or ", None)] if number else []) + one]
    if "enum" in schema:
        return [(", ".join(map(str, schema["enum"])), None)]
    kind = schema.get("type", "anything")
    if kind == "array" and "items" in schema:
        return [("list of ", None), *_tell(schema["items"])]
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return [("object of ", None), *_tell(schema["additionalProperties"])]
    return [({"string": "text", "date-time": "time"}.get(schema.get("format", kind), kind), None)]


def _line(base: str, path: str, method: str, operation: Mapping[str, Any]) -> str:
    for name, value in EXAMPLES.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    parts = ["curl"]
    media = next(iter(operation.get("requestBody", {}).get("content", {})), None)
    if method != "GET":
        parts.append(f"-X {method}")
    if media is not None:
        parts.append(f"-H 'Content-Type: {media}' -d '{EVENT}'")
    if any("text/event-stream" in answer.get("content", {}) for answer in operation["responses"].values()):
        parts.append("-N")
    return " ".join([*parts, f"'{base}{path}'"])
