"""Recorded deliveries of GitHub Actions and of CDEvents, from the API's door to the trace."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from machines.catalog import load_catalog
from streams.worker import Worker
from tests.streams.site import Site
from tests.support.admission import bearer, make_access, some_token, stored
from tests.support.api import make_service, served
from tests.support.deliveries import github, hooks, recorded

CATALOG = load_catalog(["@github", "@cdevents"])
TOKEN = bearer(some_token(1))
RUN, LINTERS, UNIT, DEPLOY = "run-2202229078.1", "job-3251900401", "job-3251900402", "job-3251900403"


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    """The shipped webhooks behind a real server."""
    service = make_service(
        site.connect, site.keys, CATALOG, lambda: site.now_ms * 1_000_000, hooks=hooks("@github", "@cdevents")
    )
    with (
        served(service, make_access((stored(1, "read", "write"),))) as url,
        httpx.Client(base_url=url, headers=TOKEN) as client,
    ):
        yield client


@pytest.fixture
def worker(site: Site) -> Worker:
    """A worker with the shipped machines."""
    return site.worker(catalog=CATALOG)


def _deliver_github(client: httpx.Client, *numbers: int) -> list[str]:
    """Deliver what was recorded under these numbers; the ids of the events."""
    deliveries = recorded("github")
    found = []
    for number in numbers or range(len(deliveries)):
        body = json.dumps(deliveries[number]["payload"]).encode()
        answer = httpx.post(
            client.base_url.join("/webhooks/github"), content=body, headers=github(deliveries[number]["event"], body)
        )
        assert answer.status_code == 202, answer.text
        found += [event["id"] for event in answer.json()["events"]]
    return found


def _spans(client: httpx.Client, subject: str) -> list[tuple[str, str, str, str]]:
    """The spans of a workflow's own: path, start, end and status."""
    told = client.get(f"/workflows/{subject}/trace").json()
    return [
        (span["path"], span["start"], span["end"], span["status"])
        for span in told["spans"]
        if span["attributes"]["workflow.id"] == subject.replace("%2F", "/")
    ]


def _view(client: httpx.Client, subject: str) -> dict[str, Any]:
    told: dict[str, Any] = client.get(f"/workflows/{subject}").json()
    return told


def test_a_run_of_github_actions_becomes_a_trace_with_its_jobs_as_children(
    client: httpx.Client, site: Site, worker: Worker
) -> None:
    for number in range(11):  # a job joins its run while that goes on
        _deliver_github(client, number)
        site.settle(worker)
    run = _view(client, RUN)
    assert (run["machine"], run["status"], run["reason"]) == ("github-run", "error", "test ended with failure")
    assert (run["attributes"]["repository"], run["attributes"]["branch"]) == ("Codertocat/Hello-World", "master")
    assert set(run["children"]) == {LINTERS, UNIT, DEPLOY}
    assert _spans(client, RUN) == [
        ("", "2021-08-05T10:25:58Z", "2021-08-05T10:27:45Z", "error"),
        ("queued", "2021-08-05T10:25:58Z", "2021-08-05T10:26:07Z", "ok"),
        ("running", "2021-08-05T10:26:07Z", "2021-08-05T10:27:45Z", "error"),
    ]
    assert _spans(client, LINTERS) == [
        ("", "2021-08-05T10:26:00Z", "2021-08-05T10:26:28Z", "error"),
        ("queued", "2021-08-05T10:26:00Z", "2021-08-05T10:26:08Z", "ok"),
        ("running", "2021-08-05T10:26:08Z", "2021-08-05T10:26:28Z", "error"),
    ]
    linters = _view(client, LINTERS)
    assert linters["reason"] == "this step failed: Run yarn run format-check"
    assert (linters["parent"], linters["attributes"]["runner"]) == (RUN, "GitHub Actions 5")
    assert [_view(client, job)["status"] for job in (UNIT, DEPLOY)] == ["ok", "ok"]
    assert {_view(client, job)["trace_id"] for job in (LINTERS, UNIT, DEPLOY)} == {run["trace_id"]}


def test_jobs_that_are_told_when_their_run_has_ended_are_in_its_trace(
    client: httpx.Client, site: Site, worker: Worker
) -> None:
    _deliver_github(client)  # all of it at once, as after an outage
    site.settle(worker)
    run, jobs = _view(client, RUN), [_view(client, job) for job in (LINTERS, UNIT, DEPLOY)]
    assert [job["status"] for job in jobs] == ["error", "ok", "ok"]
    assert [job["trace_id"] for job in jobs] == [run["trace_id"]] * 3
    assert [job["place"]["apart"] for job in jobs] == [None] * 3


def test_deliveries_of_github_may_come_twice_and_out_of_order(client: httpx.Client, site: Site, worker: Worker) -> None:
    _deliver_github(client, 2, 4, 1, 1, 2, 5, 7, 10, 4)
    site.settle(worker)
    events = client.get(f"/workflows/{RUN}/events").json()["events"]
    own = [(event["id"].rpartition("-")[2], event["result"]) for event in events if event["source"].startswith("/")]
    assert own == [("requested", "applied"), ("in_progress", "applied"), ("completed", "applied")]
    assert (_view(client, RUN)["status"], _view(client, LINTERS)["status"]) == ("error", "error")


def test_a_second_attempt_is_a_workflow_of_its_own(client: httpx.Client, site: Site, worker: Worker) -> None:
    _deliver_github(client)
    payload = recorded("github")[1]["payload"]
    payload["workflow_run"] |= {"run_attempt": 2, "run_started_at": "2021-08-05T11:00:00Z"}
    body = json.dumps(payload).encode()
    client.post("/webhooks/github", content=body, headers=github("workflow_run", body)).raise_for_status()
    site.settle(worker)
    second = _view(client, "run-2202229078.2")
    assert (second["status"], second["started_at"]) == ("running", "2021-08-05T11:00:00Z")
    assert _view(client, RUN)["status"] == "error"


@pytest.mark.parametrize(
    ("conclusion", "status"),
    [
        ("success", "ok"),
        ("neutral", "ok"),
        ("skipped", "ok"),
        ("failure", "error"),
        ("startup_failure", "error"),
        ("timed_out", "timeout"),
        ("cancelled", "cancelled"),
        ("stale", "cancelled"),
        ("action_required", "cancelled"),
    ],
)
def test_every_conclusion_of_a_run_has_an_outcome(
    client: httpx.Client, site: Site, worker: Worker, conclusion: str, status: str
) -> None:
    deliveries = recorded("github")
    deliveries[10]["payload"]["workflow_run"]["conclusion"] = conclusion
    for number in (1, 10):
        body = json.dumps(deliveries[number]["payload"]).encode()
        client.post("/webhooks/github", content=body, headers=github("workflow_run", body)).raise_for_status()
    site.settle(worker)
    assert _view(client, RUN)["status"] == status


@pytest.mark.parametrize("mode", ["binary", "structured", "bare"])
def test_cdevents_become_a_trace_in_every_mode(client: httpx.Client, site: Site, worker: Worker, mode: str) -> None:
    for event in recorded("cdevents"):
        answer = client.post("/webhooks/cdevents", **_cloudevent(event, mode))
        assert answer.status_code == 202, answer.text
        (accepted,) = answer.json()["events"]
        assert (accepted["id"], accepted["source"]) == (event["context"]["id"], "/staging/tekton/")
    site.settle(worker)
    pipeline, task = "pipelinerun%2Fnamespace%2Fpipelinerun-1234", "taskrun%2Fnamespace%2Ftaskrun-123"
    told = _view(client, pipeline)
    assert (told["status"], told["reason"]) == ("error", "Something went wrong\nWith some more details")
    assert told["attributes"] == {
        "pipeline": "myPipeline",
        "url": "https://www.example.com/mySubject123",
        "source": "/staging/tekton/",
    }
    assert _spans(client, pipeline) == [
        ("", "2023-03-20T14:27:05.315384Z", "2023-03-20T14:28:08.25Z", "error"),
        ("queued", "2023-03-20T14:27:05.315384Z", "2023-03-20T14:27:06.5Z", "ok"),
        ("running", "2023-03-20T14:27:06.5Z", "2023-03-20T14:28:08.25Z", "error"),
    ]
    assert _view(client, task)["parent"] == "pipelinerun/namespace/pipelinerun-1234"
    assert _view(client, task)["status"] == "error"


def test_a_cdevent_of_another_sort_is_ignored(client: httpx.Client) -> None:
    event = recorded("cdevents")[0]
    event["context"]["type"] = "dev.cdevents.artifact.published.0.2.0"
    answer = client.post("/webhooks/cdevents", **_cloudevent(event, "structured"))
    assert answer.json()["ignored"] == "no rule of the webhook cdevents is about this delivery"


def _cloudevent(event: dict[str, Any], mode: str) -> dict[str, Any]:
    """A CDEvent as the CloudEvents binding of CDEvents sends it."""
    context = event["context"]
    attributes = {
        "specversion": "1.0",
        "id": context["id"],
        "source": context["source"],
        "type": context["type"],
        "subject": event["subject"]["id"],
        "time": context["timestamp"],
    }
    if mode == "binary":
        headers = {f"ce-{name}": value for name, value in attributes.items()}
        return {"content": json.dumps(event), "headers": headers | {"content-type": "application/cdevents+json"}}
    if mode == "structured":
        body = attributes | {"datacontenttype": "application/cdevents+json", "data": event}
        return {"content": json.dumps(body), "headers": {"content-type": "application/cloudevents+json"}}
    return {"json": event}
