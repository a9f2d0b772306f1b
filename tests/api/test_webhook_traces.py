"""Whole stories of GitHub Actions, from the API's door to the trace: what no recorded payload tells by itself."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from streams.worker import Worker
from tests.api.hooked import SHIPPED, own_spans, shipped_hooks, view
from tests.streams.site import Site
from tests.support.deliveries import github, story

RUN, LINTERS, UNIT, DEPLOY = "run-2202229078.1", "job-3251900401", "job-3251900402", "job-3251900403"

# what the story delivers, in order
REQUESTED, LINTERS_QUEUED, UNIT_QUEUED, BEGUN, LINTERS_BEGUN, UNIT_BEGUN, *_ENDS = range(10)
LINTERS_ENDED, UNIT_ENDED, DEPLOY_SKIPPED, ENDED = _ENDS


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    """The shipped webhooks behind a real server."""
    with shipped_hooks(site) as client:
        yield client


@pytest.fixture
def worker(site: Site) -> Worker:
    """A worker with the shipped machines."""
    return site.worker(catalog=SHIPPED)


def _deliver_github(client: httpx.Client, *numbers: int) -> None:
    """Deliver these parts of the story, or all of it."""
    for number in numbers or range(len(story("github"))):
        _deliver(client, number)


def _deliver(client: httpx.Client, number: int, deployed: str | None = None, /, **changes: Any) -> None:
    """Deliver a part of the story, with these changes in its run or job, or a deployment of that time."""
    delivery = story("github")[number]
    payload = delivery["payload"] | ({"deployment": {"updated_at": deployed}} if deployed else {})
    payload.get(delivery["event"], {}).update(changes)
    payload["action"] = changes.get("action", payload.get("action"))
    body = json.dumps(payload).encode()
    answer = client.post("/webhooks/github", content=body, headers=github(delivery["event"], body))
    assert (answer.status_code, answer.json().get("faults")) == (202, None), answer.text


def test_a_run_of_github_actions_becomes_a_trace_with_its_jobs_as_children(
    client: httpx.Client, site: Site, worker: Worker
) -> None:
    for number in range(10):  # a job joins its run while that goes on
        _deliver_github(client, number)
        site.settle(worker)
    run = view(client, RUN)
    assert (run["machine"], run["status"], run["reason"]) == ("github-run", "error", "test ended with failure")
    assert (run["attributes"]["repository"], run["attributes"]["branch"]) == ("Codertocat/Hello-World", "master")
    assert set(run["children"]) == {LINTERS, UNIT, DEPLOY}
    assert own_spans(client, RUN) == [
        ("", "2021-08-05T10:25:58Z", "2021-08-05T10:27:45Z", "error"),
        ("queued", "2021-08-05T10:25:58Z", "2021-08-05T10:26:07Z", "ok"),
        ("running", "2021-08-05T10:26:07Z", "2021-08-05T10:27:45Z", "error"),
    ]
    assert own_spans(client, LINTERS) == [
        ("", "2021-08-05T10:26:00Z", "2021-08-05T10:26:28Z", "error"),
        ("queued", "2021-08-05T10:26:00Z", "2021-08-05T10:26:08Z", "ok"),
        ("running", "2021-08-05T10:26:08Z", "2021-08-05T10:26:28Z", "error"),
    ]
    linters = view(client, LINTERS)
    assert linters["reason"] == "this step failed: Run yarn run format-check"
    assert (linters["parent"], linters["attributes"]["runner"]) == (RUN, "GitHub Actions 5")
    assert [view(client, job)["status"] for job in (UNIT, DEPLOY)] == ["ok", "ok"]
    assert {view(client, job)["trace_id"] for job in (LINTERS, UNIT, DEPLOY)} == {run["trace_id"]}


def test_jobs_that_are_told_when_their_run_has_ended_are_in_its_trace(
    client: httpx.Client, site: Site, worker: Worker
) -> None:
    _deliver_github(client)  # all of it at once, as after an outage
    site.settle(worker)
    run, jobs = view(client, RUN), [view(client, job) for job in (LINTERS, UNIT, DEPLOY)]
    assert [job["status"] for job in jobs] == ["error", "ok", "ok"]
    assert [job["trace_id"] for job in jobs] == [run["trace_id"]] * 3
    assert [job["place"]["apart"] for job in jobs] == [None] * 3


def test_deliveries_of_github_may_come_twice_and_out_of_order(client: httpx.Client, site: Site, worker: Worker) -> None:
    _deliver_github(
        client, LINTERS_QUEUED, BEGUN, REQUESTED, REQUESTED, LINTERS_QUEUED, LINTERS_BEGUN, LINTERS_ENDED, ENDED, BEGUN
    )
    site.settle(worker)
    events = client.get(f"/workflows/{RUN}/events").json()["events"]
    own = [(event["id"].rpartition("-")[2], event["result"]) for event in events if event["source"].startswith("/")]
    assert own == [("requested", "applied"), ("in_progress", "applied"), ("completed", "applied")]
    assert (view(client, RUN)["status"], view(client, LINTERS)["status"]) == ("error", "error")


def test_a_second_attempt_is_a_workflow_of_its_own_though_github_requests_none(
    client: httpx.Client, site: Site, worker: Worker
) -> None:
    _deliver_github(client)
    again = {"run_attempt": 2, "run_started_at": "2021-08-05T11:00:00Z"}
    _deliver(client, BEGUN, **again, updated_at="2021-08-05T11:00:07Z")
    _deliver(client, LINTERS_QUEUED, id=99, run_attempt=2, created_at="2021-08-05T11:00:02Z")
    site.settle(worker)
    second = view(client, "run-2202229078.2")
    assert (second["status"], second["attributes"]["attempt"], set(second["children"])) == ("running", 2, {"job-99"})
    assert [span[:2] for span in own_spans(client, "run-2202229078.2")] == [
        ("", "2021-08-05T11:00:00Z"),
        ("queued", "2021-08-05T11:00:00Z"),
        ("running", "2021-08-05T11:00:07Z"),
    ]
    assert view(client, RUN)["status"] == "error"


def test_the_last_delivery_of_a_job_tells_all_of_it(client: httpx.Client, site: Site, worker: Worker) -> None:
    _deliver_github(client, REQUESTED, UNIT_ENDED)
    site.settle(worker)
    assert own_spans(client, UNIT) == [
        ("", "2021-08-05T10:26:00Z", "2021-08-05T10:27:40Z", "ok"),
        ("queued", "2021-08-05T10:26:00Z", "2021-08-05T10:26:09Z", "ok"),
        ("running", "2021-08-05T10:26:09Z", "2021-08-05T10:27:40Z", "ok"),
    ]


def test_a_run_that_was_held_goes_on_when_it_is_approved(client: httpx.Client, site: Site, worker: Worker) -> None:
    held = {"status": "completed", "conclusion": "action_required"}
    _deliver(client, REQUESTED, **held)
    _deliver(client, REQUESTED, **held, action="completed", updated_at="2021-08-05T10:25:59Z")
    site.settle(worker)
    assert view(client, RUN)["status"] == "running"
    _deliver_github(client, BEGUN, ENDED)
    site.settle(worker)
    assert {span[:3] for span in own_spans(client, RUN)[1:]} == {
        ("queued", "2021-08-05T10:25:58Z", "2021-08-05T10:25:58Z"),
        ("held", "2021-08-05T10:25:58Z", "2021-08-05T10:26:07Z"),
        ("running", "2021-08-05T10:26:07Z", "2021-08-05T10:27:45Z"),
    }


def test_a_job_waits_until_it_is_let_into_its_environment(client: httpx.Client, site: Site, worker: Worker) -> None:
    _deliver_github(client, REQUESTED)
    let_go = {"id": 7, "created_at": "2021-08-05T10:26:00Z"}
    for status, deployment in (("waiting", "2021-08-05T10:26:01Z"), ("queued", "2021-08-05T10:26:05Z")):
        _deliver(client, LINTERS_QUEUED, deployment, **let_go, status=status)
    _deliver(client, LINTERS_BEGUN, **let_go)
    site.settle(worker)
    assert {span[:2] for span in own_spans(client, "job-7")[1:]} == {
        ("queued", "2021-08-05T10:26:00Z"),
        ("waiting", "2021-08-05T10:26:00Z"),
        ("queued", "2021-08-05T10:26:05Z"),
        ("running", "2021-08-05T10:26:08Z"),
    }


def test_jobs_that_no_runner_had_end_without_having_run(client: httpx.Client, site: Site, worker: Worker) -> None:
    _deliver_github(client, REQUESTED)
    nothing: dict[str, Any] = {"steps": [], "runner_id": None, "runner_name": None, "runner_group_name": None}
    skipped = {"conclusion": "skipped", "created_at": "2021-08-05T10:26:20Z", "started_at": "2021-08-05T10:26:19Z"}
    _deliver(client, DEPLOY_SKIPPED, id=1, **nothing, **skipped, completed_at="2021-08-05T10:26:19Z")
    _deliver(client, LINTERS_QUEUED, id=2, name="unit (3.12, ubuntu-latest)")
    cancelled = {"conclusion": "cancelled", "created_at": "2021-08-05T10:26:00Z", "started_at": "2021-08-05T10:27:00Z"}
    _deliver(client, DEPLOY_SKIPPED, id=2, **nothing, **cancelled, completed_at="2021-08-05T10:26:59Z")
    site.settle(worker)
    assert own_spans(client, "job-1") == [
        ("", "2021-08-05T10:26:19Z", "2021-08-05T10:26:19Z", "ok"),
        ("queued", "2021-08-05T10:26:19Z", "2021-08-05T10:26:19Z", "ok"),
    ]
    assert [span[:3] for span in own_spans(client, "job-2")] == [
        ("", "2021-08-05T10:26:00Z", "2021-08-05T10:26:59Z"),
        ("queued", "2021-08-05T10:26:00Z", "2021-08-05T10:26:59Z"),
    ]
    assert view(client, "job-2")["status"] == "cancelled"


def test_every_conclusion_of_a_run_has_an_outcome(client: httpx.Client, site: Site, worker: Worker) -> None:
    conclusions = {
        "success": "ok",
        "neutral": "ok",
        "skipped": "ok",
        "failure": "error",
        "startup_failure": "error",
        "timed_out": "timeout",
        "cancelled": "cancelled",
        "stale": "cancelled",
        "action_required": "running",
    }
    for number, conclusion in enumerate(conclusions):
        _deliver(client, ENDED, id=number, conclusion=conclusion)
    site.settle(worker)
    found = {name: view(client, f"run-{number}.1")["status"] for number, name in enumerate(conclusions)}
    assert found == conclusions
