"""Workflows over the API: one of them, pages of them, and what is said to wrong questions."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.app import ENDPOINTS
from api.openapi import make_document
from spans.ids import trace_id
from tests.streams.site import START_MS, Site
from tests.support.api import AppClient, app_client, make_service

NUMBER = 12


@pytest.fixture
def filled(site: Site) -> Site:
    """Twelve jobs that started a second apart: every third is paused, of the others every second has failed."""
    for number in range(NUMBER):
        label = f'{{"label": "{"FX" if number % 2 else "EQ"}"}}'
        site.emit(site.event(f"job-{number:02}", "started", data=label))
        if number % 3 == 0:
            site.emit(site.event(f"job-{number:02}", "paused"))
        elif number % 2:
            site.emit(site.event(f"job-{number:02}", "failed", data='{"error": "disk full"}'))
    site.settle(site.worker())
    return site


def ids(api: AppClient, query: str = "") -> list[str]:
    answer = api.get(f"/workflows{query}")
    assert answer.status_code == 200, answer.text
    return [workflow["id"] for workflow in answer.json()["workflows"]]


def test_a_workflow_is_told_with_exactly_these_names(filled: Site, api: AppClient) -> None:
    workflow = api.get("/workflows/job-00").json()
    own = f"{trace_id('default', 'job', 'job-00', 1):032x}"
    due = "2026-11-22T16:10:02Z"
    assert workflow == {
        "id": "job-00",
        "machine": "job",
        "version": 1,
        "run": 1,
        "status": "running",
        "states": {"paused": "2026-11-22T16:00:02Z"},
        "attributes": {"label": "EQ"},
        "started_at": "2026-11-22T16:00:01Z",
        "updated_at": "2026-11-22T16:00:02Z",
        "ended_at": None,
        "reason": None,
        "trace_id": own,
        "deadlines": {"paused": due},
        "overdue": [],
        "waiting": 0,
        "trouble": None,
        "parent": None,
        "place": None,
        "children": [],
        "children_by_status": None,
        "links": {
            "self": "/workflows/job-00",
            "page": "/ui/workflows/job-00",
            "events": "/workflows/job-00/events",
            "trace": "/workflows/job-00/trace",
            "watch": "/workflows/job-00/watch",
            "machine": "/machines/job",
            "parent": None,
            "children": [],
            "all_children": None,
            "grafana": None,
        },
    }
    listed = next(one for one in api.get("/workflows").json()["workflows"] if one["id"] == "job-00")
    assert listed == workflow | {"children": None, "links": workflow["links"] | {"children": None}}


def test_the_trace_is_linked_where_the_settings_say(filled: Site) -> None:
    link = "https://grafana.example/trace/{trace_id}"
    service = make_service(filled.connect, filled.keys, filled.catalog, lambda: START_MS * 10**6, trace_link=link)
    with app_client(service) as api:
        told = api.get("/workflows/job-01").json()
        assert told["links"]["grafana"] == f"https://grafana.example/trace/{told['trace_id']}"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", range(NUMBER)),
        ("?machine=job", range(NUMBER)),
        ("?machine=order", []),
        ("?status=error", [1, 5, 7, 11]),
        ("?status=running", [0, 2, 3, 4, 6, 8, 9, 10]),
        ("?state=paused", [0, 3, 6, 9]),
        ("?attr.label=FX", [1, 3, 5, 7, 9, 11]),
        ("?attr.label=FX&attr.label=EQ", []),
        ("?attr.label=FX&status=error&started_after=2026-11-22T16:00:12Z", [7, 11]),
        ("?started_before=2026-11-22T17:00:03%2B01:00", [0]),
        ("?started_before=2026-11-22T17:00:03+01:00", [0]),
        ("?overdue=true", []),
    ],
)
def test_filters_hold_together(filled: Site, api: AppClient, query: str, found: list[int]) -> None:
    assert sorted(ids(api, query)) == [f"job-{number:02}" for number in sorted(found)]


def test_overdue_is_what_is_due_and_not_applied(filled: Site, api: AppClient) -> None:
    filled.now_ms += 603_000
    assert ids(api, "?overdue=true") == ["job-00"]
    assert api.get("/workflows/job-00").json()["overdue"] == ["paused"]


def test_pages_follow_each_other_by_the_link(filled: Site, api: AppClient) -> None:
    whole = ids(api)
    assert whole == [f"job-{number:02}" for number in reversed(range(NUMBER))]
    seen: list[str] = []
    path: str | None = "/workflows?machine=job&limit=5"
    while path is not None:
        page = api.get(path).json()
        seen += [workflow["id"] for workflow in page["workflows"]]
        assert (page["next"] is None) == (page["links"]["next"] is None)
        path = page["links"]["next"]
        assert path is None or path.startswith("/workflows?machine=job&limit=5&cursor=")
    assert seen == whole


@pytest.mark.parametrize(
    ("query", "field", "said"),
    [
        ("?stat=paused", "stat", "did you mean state?"),
        ("?label=FX", "label", "there are machine, status"),
        ("?attr.=FX", "attr.", "attr.<name>"),
        ("?status=fine", "status", "fine"),
        ("?limit=0", "limit", "1"),
        ("?limit=many", "limit", "int"),
        ("?limit=5&limit=6", "limit", "twice"),
        ("?overdue=perhaps", "overdue", "bool"),
        ("?started_after=yesterday", "started_after", "RFC 3339"),
        ("?cursor=nonsense", "cursor", "begin without one"),
    ],
)
def test_a_wrong_parameter_is_named(filled: Site, api: AppClient, query: str, field: str, said: str) -> None:
    answer = api.get(f"/workflows{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["field"] == field
    assert said in problem["detail"]
    assert problem["instance"] == "/workflows"


def test_a_workflow_that_has_not_changed_is_not_sent_again(filled: Site, api: AppClient) -> None:
    first = api.get("/workflows/job-02")
    tag = first.headers["etag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        again = api.get("/workflows/job-02", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    filled.end_leases()
    filled.emit(filled.event("job-02", "paused"))
    filled.settle(filled.worker())
    changed = api.get("/workflows/job-02", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


def test_a_workflow_becomes_another_answer_when_it_is_overdue(filled: Site, api: AppClient) -> None:
    tag = api.get("/workflows/job-00").headers["etag"]
    filled.now_ms += 603_000
    assert api.get("/workflows/job-00", headers={"If-None-Match": tag}).status_code == 200


def test_head_tells_the_same_without_the_body(filled: Site, api: AppClient) -> None:
    got, asked = api.get("/workflows/job-02"), api.request("HEAD", "/workflows/job-02")
    assert asked.content == b""
    assert asked.status_code == 200
    assert asked.headers == got.headers


def test_what_is_not_there_is_a_problem(filled: Site, api: AppClient) -> None:
    answer = api.get("/workflows/job-99")
    assert answer.status_code == 404
    assert answer.json()["instance"] == "/workflows/job-99"
    assert "job-99" in answer.json()["detail"]


def test_before_any_worker_ran_lists_are_empty(site: Site, api: AppClient) -> None:
    assert api.get("/workflows").json() == {"workflows": [], "next": None, "links": {"next": None, "watch": "/watch"}}
    assert api.get("/workflows/any").status_code == 404
    assert api.get("/workflows/any/events?run=1").status_code == 404


def test_a_workflow_that_waits_for_its_start_has_no_run_yet(site: Site, api: AppClient) -> None:
    site.emit(site.event("early", "paused", machine="job"))
    site.settle(site.worker())
    workflow = api.get("/workflows/early").json()
    assert (workflow["status"], workflow["waiting"], workflow["run"], workflow["trace_id"]) == (
        "waiting",
        1,
        None,
        None,
    )
    assert api.get("/workflows/early/events").json()["events"] == []


def test_answers_are_as_the_openapi_document_says(filled: Site, api: AppClient) -> None:
    document = make_document(ENDPOINTS)
    for path, kind in (
        ("/workflows/job-00", "Workflow"),
        ("/workflows/job-01", "Workflow"),
        ("/workflows", "WorkflowPage"),
        ("/workflows/job-01/events", "Journal"),
        ("/machines", "MachineList"),
        ("/machines/job", "MachineVersions"),
        ("/workflows/none", "ProblemDocument"),
    ):
        schema: dict[str, Any] = {"$ref": f"#/components/schemas/{kind}", "components": document["components"]}
        Draft202012Validator(schema).validate(api.get(path).json())


def test_traces_are_remembered_but_not_those_of_a_former_life_of_an_id(site: Site, api: AppClient) -> None:
    worker = site.worker(retention_ms=1_000)
    site.emit(site.event("again", "started"), site.event("again", "finished"))
    site.settle(worker)
    before = api.get("/workflows/again").json()
    site.deliver()
    site.pass_ms(worker, 60_000)
    assert api.get("/workflows/again").status_code == 404
    site.end_leases()
    site.emit(site.event("again", "begun", machine="other"))
    site.settle(site.worker(catalog=site.load(_other())))
    after = api.get("/workflows/again").json()
    assert (before["run"], after["run"]) == (1, 1)
    assert after["trace_id"] == f"{trace_id('default', 'other', 'again', 1):032x}"


def _other() -> dict[str, Any]:
    return {
        "machine": "other",
        "version": 1,
        "chart": {"states": {"on": {"transitions": [{"event": "ended", "target": "off"}]}, "off": {"final": True}}},
    }
