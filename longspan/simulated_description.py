"""The OpenAPI 3.1 document of the simulated system's API, from the types that it answers with."""

from typing import Any

import msgspec

from longspan.simulated_views import Page, Trouble, Workflow

_TEXT = {"type": "string"}
_INTRODUCTION = (
    "A risk system that is simulated. Asking for a workflow starts it; from then on its three stages take their time, "
    "and one in ten workflows fails. The id and the seed decide everything that happens."
)


def describe() -> dict[str, Any]:
    """The document, ready for JSON."""
    (workflow, page, trouble), components = msgspec.json.schema_components(
        [Workflow, Page, Trouble], ref_template="#/components/schemas/{name}"
    )
    workflow_id = {"name": "id", "in": "path", "required": True, "schema": {**_TEXT, "minLength": 1, "maxLength": 256}}
    after = _parameter("after", "Only workflows whose ids come after this one.", _TEXT)
    limit = _parameter(
        "limit", "How many to look at.", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
    )
    statuses = {"type": "string", "enum": ["Initializing", "Processing", "Completed", "Failed"]}
    status = _parameter("status", "Only these of them.", statuses)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Simulated risk system", "version": "1", "description": _INTRODUCTION},
        "paths": {
            "/workflows/{id}": {
                "get": _operation(
                    "getWorkflow", "Start a workflow, or tell how far it has come.", [workflow_id], workflow, trouble
                )
            },
            "/workflows": {
                "get": _operation(
                    "listWorkflows",
                    "The workflows that run or ran, page by page.",
                    [after, limit, status],
                    page,
                    trouble,
                    {"Link": {"description": 'The next page, rel="next"; not on the last one.', "schema": _TEXT}},
                )
            },
        },
        "components": {"schemas": components},
    }


def _parameter(name: str, meaning: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": meaning, "schema": schema}


def _operation(
    name: str,
    summary: str,
    parameters: list[dict[str, Any]],
    good: dict[str, Any],
    bad: dict[str, Any],
    headers: dict[str, Any] | None = None,
) -> dict[str, Any]:
    etag = {"description": "Changes whenever the answer does.", "schema": _TEXT}
    condition = {"name": "If-None-Match", "in": "header", "description": "ETags that are known.", "schema": _TEXT}
    return {
        "operationId": name,
        "summary": summary,
        "parameters": [*parameters, condition],
        "responses": {
            "200": {
                "description": "As it is now.",
                "headers": {"ETag": etag, **(headers or {})},
                "content": {"application/json": {"schema": good}},
            },
            "304": {"description": "Nothing has changed."},
            "default": {"description": "What was wrong.", "content": {"application/json": {"schema": bad}}},
        },
    }
