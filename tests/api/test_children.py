"""A workflow and those that are part of it: how the API, Tempo's query API and the page tell of them."""

import re
from functools import partial
from typing import Any

import pytest

from api import family_traces
from spans.ids import span_id, trace_id
from spans.own_trace import own_trace
from streams.worker import Worker
from tests.streams.site import Site
from tests.support.api import AppClient


@pytest.fixture
def worker(site: Site) -> Worker:
    """One that lets runs be found by their traces."""
    return site.worker(name_trace=partial(own_trace, "default"), children=3)


def begin(site: Site, worker: Worker, *names: str, parent: str | None = None) -> None:
    """Jobs that start, one after another."""
    for name in names:
        site.emit(site.event(name, "started", **({"parent": parent} if parent else {})))
        site.settle(worker)


def end(site: Site, worker: Worker, **outcomes: str) -> None:
    """Jobs that end."""
    for name, how in outcomes.items():
        site.emit(site.event(name, how))
    site.settle(worker)


@pytest.fixture
def family(site: Site, worker: Worker) -> Site:
    """`whole` with the children p1 (which has p1a), p2 and p3, of which p2 has failed and p3 is done."""
    begin(site, worker, "whole")
    begin(site, worker, "p1", "p2", "p3", parent="whole")
    begin(site, worker, "p1a", parent="p1")
    end(site, worker, p2="failed", p3="finished")
    return site


def span_of(name: str, path: str = "", visit: int = 0) -> str:
    return f"{span_id(trace_id('default', 'job', name, 1), path, visit):016x}"


def test_a_parent_counts_its_children_by_status(family: Site, api: AppClient) -> None:
    told = api.get("/workflows/whole").json()
    counts = {"started": 3, "running": 1, "ok": 1, "error": 1, "timeout": 0, "cancelled": 0}
    assert told["children_by_status"] == counts
    assert told["children"] == ["p3", "p2", "p1"]
    assert told["place"] is None
    assert told["links"]["all_children"] == "/workflows?parent=whole"
    listed = {one["id"]: one for one in api.get("/workflows").json()["workflows"]}
    assert listed["whole"]["children_by_status"] == counts
    assert listed["p2"]["children_by_status"] is None


def test_a_child_says_where_it_stands(family: Site, api: AppClient) -> None:
    told = api.get("/workflows/p1a").json()
    assert told["place"] == {
        "parent": "p1",
        "parent_run": 1,
        "state": "running",
        "topmost": "whole",
        "depth": 2,
        "apart": None,
    }
    assert told["parent"] == "p1"
    assert told["trace_id"] == api.get("/workflows/whole").json()["trace_id"]


def test_one_child_too_many_says_why_it_is_apart(family: Site, worker: Worker, api: AppClient) -> None:
    begin(family, worker, "p4", parent="whole")
    told = api.get("/workflows/p4").json()
    assert "LONGSPAN_CHILDREN_LIMIT" in told["place"]["apart"]
    assert told["trace_id"] == f"{trace_id('default', 'job', 'p4', 1):032x}"
    (root,) = [span for span in api.get("/workflows/p4/trace").json()["spans"] if not span["path"]]
    assert root["attributes"]["workflow.apart"] == told["place"]["apart"]
    assert [link["span_id"] for link in root["links"]] == [span_of("whole", "running", 1)]
    whole = api.get("/workflows/whole/trace").json()["spans"][0]
    assert [link["span_id"] for link in whole["links"]] == [span_of("p4")]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("parent=whole", ["p3", "p2", "p1"]),
        ("parent=whole&status=running", ["p1"]),
        ("parent=p1", ["p1a"]),
        ("parent=x", []),
    ],
)
def test_children_are_found_by_their_parent(family: Site, api: AppClient, query: str, found: list[str]) -> None:
    answer = api.get(f"/workflows?{query}")
    assert [one["id"] for one in answer.json()["workflows"]] == found


def test_pages_of_children_are_bounded_and_go_on(family: Site, api: AppClient) -> None:
    first = api.get("/workflows?parent=whole&limit=2").json()
    assert [one["id"] for one in first["workflows"]] == ["p3", "p2"]
    assert [one["id"] for one in api.get(first["links"]["next"]).json()["workflows"]] == ["p1"]


def test_the_trace_of_a_run_has_the_spans_of_all_below_it(family: Site, api: AppClient) -> None:
    told = api.get("/workflows/whole/trace").json()
    spans = {span["span_id"]: span for span in told["spans"]}
    names = {span["attributes"]["workflow.id"] for span in told["spans"]}
    assert names == {"whole", "p1", "p1a", "p2", "p3"}
    assert spans[span_of("p1")]["parent_id"] == span_of("whole", "running", 1)
    assert spans[span_of("p1a")]["parent_id"] == span_of("p1", "running", 1)
    assert told["spans"][0]["span_id"] == span_of("whole")
    assert spans[span_of("p1a")]["open"]
    assert not spans[span_of("p2")]["open"]
    assert told["runs_left_out"] == 0
    below = api.get("/workflows/p1/trace").json()
    assert {span["attributes"]["workflow.id"] for span in below["spans"]} == {"p1", "p1a"}
    assert below["trace_id"] == told["trace_id"]


def test_of_many_children_the_newest_are_traced_and_the_others_counted(
    family: Site, api: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(family_traces.read_family, "__kwdefaults__", {"shown": 100, "most_runs": 2})
    told = api.get("/workflows/whole/trace").json()
    assert {span["attributes"]["workflow.id"] for span in told["spans"]} == {"whole", "p2", "p3"}
    assert told["runs_left_out"] == 1


def test_tempos_query_api_shows_the_family_as_one_trace(family: Site, api: AppClient) -> None:
    trace = api.get("/workflows/whole").json()["trace_id"]
    (batch,) = api.get(f"/api/traces/{trace}").json()["batches"]
    (scope,) = batch["scopeSpans"]
    assert len(scope["spans"]) == 2 * 5
    (found,) = api.get("/api/search?q={}").json()["traces"]
    assert (found["traceID"], found["rootTraceName"]) == (trace, "job")
    assert found["spanSet"]["matched"] == 2 * 5
    (hit,) = api.get('/api/search?q={span.workflow.id="p2" %26%26 status=error}').json()["traces"]
    assert hit["traceID"] == trace


def test_the_page_of_a_parent_lists_its_children_and_that_of_a_child_leads_back(
    family: Site, worker: Worker, api: AppClient
) -> None:
    page = api.get("/ui/workflows/whole").text
    assert '<a class="mono" href="/ui/workflows/p2">p2</a>' in page
    assert "3 started" in page
    assert page.count(">child started</span>") == 3
    assert re.search(
        r'child ended</span>.*?<a href="/ui/workflows/p2">p2</a>\s*<span .*?>error</span>', page, re.DOTALL
    )
    assert 'data-status="error">1 error</span>' in page
    assert 'href="/?parent=whole"' in page
    assert page.count('class="mono part"') == 4, "one at the workflow span of each below it"
    child = api.get("/ui/workflows/p1a").text
    assert '<a class="mono" href="/ui/workflows/p1">p1</a> <span class="muted">in running</span>' in child
    assert 'id="children" aria-labelledby="children-title" hidden' in child
    listed: Any = api.get("/?parent=whole").text
    assert "p2" in listed
    assert "p1a" not in listed


def test_a_workflow_names_its_parent_and_its_children(site: Site, api: AppClient) -> None:
    site.emit(site.event("whole", "started"))
    site.emit(*(site.event(f"part/{number}", "started", parent="whole") for number in range(2)))
    site.settle(site.worker())
    assert api.get("/workflows/part%2F0").json()["links"]["parent"] == "/workflows/whole"
    whole = api.get("/workflows/whole").json()
    assert whole["children"] == ["part/1", "part/0"]
    assert whole["links"]["children"] == ["/workflows/part%2F1", "/workflows/part%2F0"]
