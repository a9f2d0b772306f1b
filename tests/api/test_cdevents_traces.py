"""CDEvents in every mode and as every version of the specification has them, from the API's door to the trace."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from streams.worker import Worker
from tests.api.hooked import SHIPPED, own_spans, shipped_hooks, view
from tests.streams.site import Site
from tests.support.deliveries import story

PIPELINE = "pipelinerun/namespace/pipelinerun-1234@/staging/tekton/"
TASK = "taskrun/namespace/taskrun-123@/staging/tekton/"
LINK = {"linkType": "RELATION", "linkKind": "TRIGGER", "target": {"contextId": "5328c37f-bb7e-4bb7-84ea-9f5f85e4a7ce"}}


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    """The shipped webhooks behind a real server."""
    with shipped_hooks(site) as client:
        yield client


@pytest.fixture
def worker(site: Site) -> Worker:
    """A worker with the shipped machines."""
    return site.worker(catalog=SHIPPED)


def _as_of(event: dict[str, Any], version: str) -> dict[str, Any]:
    """An event of version 0.4.1 as another version of the specification writes it."""
    context, subject = event["context"], event["subject"]
    subjects = {"0.3.0": "0.1.1", "0.4.1": "0.2.0", "0.5.0": "0.3.0", "0.6.0-draft": "0.4.0-draft"}
    context["type"] = context["type"].removesuffix("0.2.0") + subjects[version]
    context["version"] = version
    pipeline_run = subject["content"].get("pipelineRun")
    if version == "0.3.0" and pipeline_run:
        del pipeline_run["source"]
    if version != "0.3.0":
        context |= {"chainId": "4c8cb7dd-3448-41de-8768-eec704e2829b", "links": [LINK]}
        context["schemaUri"] = "https://ci.example/schema"
    if version in ("0.5.0", "0.6.0-draft"):
        context["specversion"] = context.pop("version")
        subject["content"]["uri"] = subject["content"].pop("url")
        del subject["type"]
        event["customData"] = {"team": "checkout"}
    return event


def _post(client: httpx.Client, event: dict[str, Any], mode: str) -> httpx.Response:
    """Send a CDEvent as the CloudEvents binding of CDEvents says, or by itself."""
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
        headers["content-type"] = "application/cdevents+json"
        return client.post("/webhooks/cdevents", content=json.dumps(event), headers=headers)
    if mode == "structured":
        body = attributes | {"datacontenttype": "application/cdevents+json", "data": event}
        headers = {"content-type": "application/cloudevents+json"}
        return client.post("/webhooks/cdevents", content=json.dumps(body), headers=headers)
    return client.post("/webhooks/cdevents", json=event)


@pytest.mark.parametrize(
    ("mode", "version"),
    [
        ("binary", "0.4.1"),
        ("structured", "0.4.1"),
        ("bare", "0.4.1"),
        ("binary", "0.3.0"),
        ("structured", "0.5.0"),
        ("structured", "0.6.0-draft"),
    ],
)
def test_cdevents_become_the_same_trace_in_every_mode_and_version(
    client: httpx.Client, site: Site, worker: Worker, mode: str, version: str
) -> None:
    for event in story("cdevents"):
        answer = _post(client, _as_of(event, version), mode)
        assert (answer.status_code, answer.json().get("faults")) == (202, None), answer.text
        (accepted,) = answer.json()["events"]
        assert (accepted["id"], accepted["source"]) == (event["context"]["id"], "/staging/tekton/")
    site.settle(worker)
    told = view(client, PIPELINE)
    assert (told["status"], told["reason"]) == ("error", "Something went wrong\nWith some more details")
    assert told["attributes"] == {
        "pipeline": "myPipeline",
        "url": "https://www.example.com/mySubject123",
        "source": "/staging/tekton/",
    }
    assert own_spans(client, PIPELINE) == [
        ("", "2023-03-20T14:27:05.315384Z", "2023-03-20T14:28:08.25Z", "error"),
        ("queued", "2023-03-20T14:27:05.315384Z", "2023-03-20T14:27:06.5Z", "ok"),
        ("running", "2023-03-20T14:27:06.5Z", "2023-03-20T14:28:08.25Z", "error"),
    ]
    task = view(client, TASK)
    assert (task["parent"], task["status"], task["trace_id"]) == (PIPELINE, "error", told["trace_id"])


def test_a_task_run_may_be_queued(client: httpx.Client, site: Site, worker: Worker) -> None:
    queued = story("cdevents")[2]
    queued["context"] |= {"id": "q", "type": "dev.cdevents.taskrun.queued.0.1.0-draft"}
    queued["context"]["timestamp"] = "2023-03-20T14:27:06Z"
    for event in (story("cdevents")[0], queued, *story("cdevents")[2:4]):
        assert _post(client, event, "structured").status_code == 202
    site.settle(worker)
    assert own_spans(client, TASK)[1:] == [
        ("queued", "2023-03-20T14:27:06Z", "2023-03-20T14:27:07Z", "ok"),
        ("running", "2023-03-20T14:27:07Z", "2023-03-20T14:28:07Z", "error"),
    ]


def test_every_outcome_of_a_run_ends_it(client: httpx.Client, site: Site, worker: Worker) -> None:
    outcomes = {
        "success": ("ok", None),
        "failure": ("error", "tests failed"),
        "error": ("error", "tests failed"),
        "cancel": ("cancelled", None),
        "aborted": ("error", "the outcome was aborted"),
        None: ("ok", None),
    }
    for outcome, (_, reason) in outcomes.items():
        for number in (1, 4):
            event = story("cdevents")[number]
            event["context"]["id"] += f"-{outcome}"
            event["subject"]["id"] = f"ended-{outcome}"
            if number == 4:
                event["subject"]["content"] |= {"outcome": outcome, "errors": "tests failed" if reason else ""}
            if outcome == "aborted":
                event["subject"]["content"].pop("errors", None)
            assert _post(client, event, "bare").status_code == 202
    site.settle(worker)
    for outcome, ended in outcomes.items():
        told = view(client, f"pipelinerun/ended-{outcome}@/staging/tekton/")
        assert (told["status"], told.get("reason")) == ended, outcome


def test_runs_of_the_same_id_from_two_sources_are_two(client: httpx.Client, site: Site, worker: Worker) -> None:
    for job in ("build", "deploy"):  # as of Jenkins, whose ids are the numbers of a job's builds
        event = story("cdevents")[1]
        event["context"] |= {"id": f"e-{job}", "source": f"job/{job}/42/"}
        event["subject"] = {"id": "42", "type": "pipelineRun", "content": {"pipelineName": job}}
        assert _post(client, event, "structured").status_code == 202
        task = story("cdevents")[2]
        task["context"] |= {"id": f"t-{job}", "source": f"job/{job}/42/"}
        task["subject"] = {"id": "test", "content": {"taskName": "test", "pipelineRun": {"id": "42"}}}
        assert _post(client, task, "structured").status_code == 202
    site.settle(worker)
    for job in ("build", "deploy"):
        assert view(client, f"pipelinerun/42@job/{job}/42/")["attributes"]["pipeline"] == job
        assert view(client, f"taskrun/test@job/{job}/42/")["parent"] == f"pipelinerun/42@job/{job}/42/"


def test_a_cdevent_of_another_sort_is_ignored(client: httpx.Client) -> None:
    event = story("cdevents")[0]
    event["context"]["type"] = "dev.cdevents.artifact.published.0.2.0"
    answer = _post(client, event, "structured")
    assert answer.json()["ignored"] == "no rule of the webhook cdevents is about this delivery"


def test_a_cdevent_whose_time_is_none_is_refused_with_the_place(client: httpx.Client) -> None:
    event = story("cdevents")[1]
    event["context"]["timestamp"] = "1744617508663"
    answer = _post(client, event, "structured")
    assert (answer.status_code, answer.json()["field"]) == (
        400,
        "events[1] (dev.cdevents.pipelinerun.started): time",
    )
