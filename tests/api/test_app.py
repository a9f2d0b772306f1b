"""The application: routes, and what it says where there are none."""

import httpx
import pytest
from starlette.responses import Response

from api.app import make_app
from api.endpoint import Call, Endpoint
from tests.streams.site import Site
from tests.support.api import AppClient, make_service


def test_an_id_with_a_slash_is_found_by_its_percent_encoded_name(site: Site, http: httpx.Client) -> None:
    site.emit(site.event("a/b", "started"))
    site.settle(site.worker())
    assert http.get("/workflows/a%2Fb").json()["id"] == "a/b"


def test_a_route_that_does_not_exist_is_a_problem(api: AppClient) -> None:
    answer = api.get("/nothing/here")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "there is no such route: /openapi.json lists them",
        "instance": "/nothing/here",
    }


def test_a_method_that_is_not_possible_is_answered_with_those_that_are(api: AppClient) -> None:
    answer = api.request("DELETE", "/workflows/wf-1")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_a_defect_is_told_in_the_log_and_not_to_the_client(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(call: Call) -> Response:
        raise ValueError("secret plans")

    service = make_service(site.connect, site.keys, site.catalog, lambda: 0)
    try:
        answer = AppClient(make_app(service, None, [Endpoint("GET", "/broken", "", fail, "read", ())])).get("/broken")
    finally:
        service.reader.close()
    assert answer.status_code == 500
    assert answer.json()["title"] == "Internal Server Error"
    assert "secret" not in answer.text
    assert "secret plans" in caplog.text
