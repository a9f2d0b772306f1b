"""The OpenAPI document and its page: whole, right, and made of what checks requests."""

import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from api.app import ENDPOINTS
from api.headers import CONTENT_SECURITY_POLICY
from api.parameters import parameters_of
from tests.support.api import AppClient


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from references(child)


def test_every_documented_endpoint_is_in_it_with_its_parameters(api: AppClient) -> None:
    document = api.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    for endpoint in ENDPOINTS:
        operation = document["paths"].get(endpoint.path, {}).get(endpoint.method.lower())
        assert (operation is not None) == endpoint.documented, endpoint.path
        if operation is None:
            continue
        assert operation["summary"] == endpoint.summary
        names = {parameter["name"] for parameter in operation["parameters"]}
        if endpoint.query is not None:
            asked = parameters_of(endpoint.query)
            assert names >= {(parameter.prefix or parameter.name).rstrip(".") for parameter in asked}
        assert names >= set(re.findall(r"{(\w+)}", endpoint.path))
        assert operation["responses"].keys() >= {str(answer.status) for answer in endpoint.answers}
        assert ("security" in operation) == (endpoint.scope is not None)


def test_every_reference_leads_somewhere_and_every_schema_is_one(api: AppClient) -> None:
    document = api.get("/openapi.json").json()
    found = set(references(document))
    assert found
    for reference in found:
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_operations_have_names_of_their_own(api: AppClient) -> None:
    paths = api.get("/openapi.json").json()["paths"]
    names = [operation["operationId"] for methods in paths.values() for operation in methods.values()]
    assert len(set(names)) == len(names)


def test_attributes_are_documented_as_parameters_of_any_name(api: AppClient) -> None:
    parameters = api.get("/openapi.json").json()["paths"]["/workflows"]["get"]["parameters"]
    (attributes,) = [parameter for parameter in parameters if parameter["name"] == "attr"]
    assert (attributes["style"], attributes["explode"]) == ("form", True)
    assert attributes["schema"]["propertyNames"] == {"pattern": "^attr[.].+"}


def test_the_document_is_not_sent_again(api: AppClient) -> None:
    tag = api.get("/openapi.json").headers["etag"]
    assert api.get("/openapi.json", headers={"If-None-Match": tag}).status_code == 304


def test_the_page_shows_every_route_and_type_and_loads_nothing_from_elsewhere(api: AppClient) -> None:
    answer = api.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    page = answer.text
    document = api.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method in methods:
            assert f'<b class="method">{method.upper()}</b> <code>{path}</code>' in page
    for name in document["components"]["schemas"]:
        assert f'id="type-{name}"' in page
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets
    assert targets <= set(re.findall(r'id="([^"]+)"', page))
    assert all(link.startswith(("/", "#")) for link in re.findall(r'(?:href|src)="([^"]+)"', page))
    assert "style=" not in page
    assert "curl &#39;http://longspan/workflows&#39;" in page
