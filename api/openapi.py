"""The OpenAPI 3.1 document of the API, from the endpoints themselves and the types that check requests."""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import msgspec

from api.endpoint import Endpoint
from api.parameters import Parameter, parameters_of
from api.problems import MEDIA, ProblemDocument

REFERENCE = "#/components/schemas/{name}"
INTRODUCTION = (
    "Where workflows are now, and where they have been. Times are RFC 3339 in UTC, with up to nanoseconds. What goes "
    "wrong is told as a problem of RFC 9457. In a path, percent-encode all of an id but letters and digits."
)

_SHARED = {
    "400": "A parameter, a header or the body is wrong; `field` names it.",
    "401": "Nobody is let in without a token.",
    "403": "Who asks may not do this.",
    "431": "The line of the request and its headers are too long. There is no body.",
    "503": "Redis cannot be asked just now: try again after `Retry-After`.",
    "default": "Anything else that goes wrong.",
}


def make_document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The document, ready for JSON."""
    documented = [endpoint for endpoint in endpoints if endpoint.documented]
    schemas = _Schemas(documented)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in documented:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Longspan", "version": version("longspan"), "description": INTRODUCTION},
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


class _Schemas:
    """The schemas of every type that the endpoints name, by type."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        types: list[Any] = [ProblemDocument]
        for endpoint in endpoints:
            types += [answer.body for answer in endpoint.answers if answer.body is not None]
            types += (endpoint.body or {}).values()
            if endpoint.query is not None:
                types += [parameter.type for parameter in parameters_of(endpoint.query)]
        schemas, self.components = msgspec.json.schema_components(types, ref_template=REFERENCE)
        for schema in self.components.values():
            if "description" in schema:
                schema["description"] = " ".join(schema["description"].split())
        self._known = list(zip(types, schemas, strict=True))

    def of(self, wanted: Any) -> dict[str, Any]:
        """The schema of one of the types."""
        return next(schema for known, schema in self._known if known is wanted or known == wanted)


def _operation(endpoint: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    name = "".join(part.strip("{}.").title() for part in endpoint.path.replace("-", "/").split("/") if part) or "Root"
    operation: dict[str, Any] = {
        "operationId": endpoint.method.lower() + name.replace("_", "").replace(".", ""),
        "summary": endpoint.summary,
        "parameters": [
            {"name": part.strip("{}"), "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for part in endpoint.path.split("/")
            if part.startswith("{")
        ],
        "responses": _responses(endpoint, schemas),
    }
    if endpoint.query is not None:
        operation["parameters"] += [_parameter(parameter, schemas) for parameter in parameters_of(endpoint.query)]
    if endpoint.body is not None:
        content = {media: {"schema": schemas.of(kind)} for media, kind in endpoint.body.items()}
        operation["requestBody"] = {"required": True, "content": content}
    if endpoint.scope is not None:
        operation["security"] = [{"token": [endpoint.scope]}, *([{}] if endpoint.signed else [])]
    return operation


def _responses(endpoint: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    problem = {MEDIA: {"schema": schemas.of(ProblemDocument)}}
    shared = [status for status in _SHARED if endpoint.scope is not None or status not in ("401", "403")]
    responses: dict[str, Any] = {status: {"description": _SHARED[status], "content": problem} for status in shared}
    responses["431"].pop("content")  # the server says so before it knows what is asked
    own: dict[str, Any] = {}
    for answer in endpoint.answers:
        response = own.setdefault(str(answer.status), {"description": answer.meaning})
        if answer.body is not None:
            _add_body(response.setdefault("content", {}), answer.media, schemas.of(answer.body))
        elif answer.media != "application/json":
            response.setdefault("content", {})[answer.media] = {}
    return dict(sorted((responses | own).items()))


def _add_body(content: dict[str, Any], media: str, schema: dict[str, Any]) -> None:
    """A body of a type, or one more that it may be instead."""
    known = content.get(media, {}).get("schema")
    content[media] = {"schema": schema if known is None else {"anyOf": [*known.get("anyOf", [known]), schema]}}


def _parameter(parameter: Parameter, schemas: _Schemas) -> dict[str, Any]:
    schema = dict(schemas.of(parameter.type))
    choices = [choice for choice in schema.pop("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        schema |= choices[0]
    elif choices:
        schema["anyOf"] = choices
    told: dict[str, Any] = {"name": (parameter.prefix or parameter.name).rstrip("."), "in": "query"}
    if "description" in schema:
        told["description"] = schema.pop("description")
    if parameter.prefix is not None:
        schema = {
            "type": "object",
            "propertyNames": {"pattern": f"^{parameter.prefix.replace('.', '[.]')}.+"},
            "additionalProperties": {"type": "string"},
        }
        told |= {"style": "form", "explode": True}
    elif parameter.default is not None:
        schema["default"] = parameter.default
    return told | {"schema": schema}
