"""`GET /machines/{name}/diagram`: a drawing or Mermaid text, of any version that is loaded."""

import re

import pytest

from api.diagram import draw_chart
from machines.drawing import draw_svg
from machines.machine import Machine
from tests.streams.site import Site
from tests.support.api import AppClient


def job(site: Site) -> Machine:
    """The machine of the site."""
    machine = site.catalog.latest("job")
    assert machine is not None
    return machine


def test_a_machine_is_drawn_as_svg_unless_something_else_is_asked_for(site: Site, api: AppClient) -> None:
    for accept in ("*/*", "image/svg+xml", "text/html,image/svg+xml;q=0.9", "application/nonsense"):
        answer = api.get("/machines/job/diagram", headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
        assert answer.text == draw_svg(job(site))
    assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize(
    ("url", "accept"),
    [
        ("/machines/job/diagram?format=mermaid", "image/svg+xml"),
        ("/machines/job/diagram?version=1", "text/vnd.mermaid"),
        ("/machines/job/diagram", "text/plain, image/svg+xml;q=0.5"),
    ],
)
def test_mermaid_is_given_where_it_is_asked_for(api: AppClient, url: str, accept: str) -> None:
    answer = api.get(url, headers={"Accept": accept})
    assert answer.headers["content-type"].startswith("text/vnd.mermaid")
    assert answer.text.startswith("stateDiagram-v2")


def test_what_is_not_there_or_wrong_is_told(api: AppClient) -> None:
    missing = api.get("/machines/jbo/diagram")
    assert (missing.status_code, "loaded here: job" in missing.json()["detail"]) == (404, True)
    version = api.get("/machines/job/diagram?version=7")
    assert (version.status_code, "loaded versions of job: 1" in version.json()["detail"]) == (404, True)
    assert api.get("/machines/job/diagram?format=png").status_code == 400
    assert api.get("/machines/job/diagram?version=0").status_code == 400


def test_both_forms_are_in_the_description_of_the_api(api: AppClient) -> None:
    operation = api.get("/openapi.json").json()["paths"]["/machines/{name}/diagram"]["get"]
    assert set(operation["responses"]["200"]["content"]) == {"image/svg+xml", "text/vnd.mermaid"}


def test_states_of_a_chart_are_lit_by_their_paths_and_nothing_else_changes(site: Site) -> None:
    lit = draw_chart(job(site), {"running": "visited", "paused": "now", "nowhere": "now"}, 1_100.0)
    assert lit is not None
    assert dict(re.findall(r'data-state="(\w+)" data-lit="(\w+)"', lit)) == {"running": "visited", "paused": "now"}
    assert re.sub(r' data-lit="\w+"', "", lit) == draw_svg(job(site))
    assert draw_chart(None, {}, 1_100.0) is None


def test_the_pages_of_machines_count_who_is_where(site: Site, api: AppClient) -> None:
    site.emit(site.event("w-1", "started"), site.event("w-2", "started"), site.event("w-2", "paused"))
    site.settle(site.worker())
    listed = api.get("/ui/machines")
    assert (listed.status_code, "2 running" in listed.text) == (200, True)
    shown = api.get("/ui/machines/job")
    assert re.search(r'Now in paused</dt><dd><a href="/\?machine=job&amp;state=paused">1</a>', shown.text)
    assert 'data-state="paused"' in shown.text
    assert "expire after 10m" in shown.text
    missing = api.get("/ui/machines/nope")
    assert (missing.status_code, "loaded here: job" in missing.text) == (404, True)
