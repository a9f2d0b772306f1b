"""Payloads of GitHub as they were recorded, byte for byte: signed, through the shipped webhook, to the golden trace."""

import hashlib
import json
import re
from collections.abc import Iterator

import httpx
import pytest

from longspan.pytest_plugin import Replay
from machines.catalog import load_catalog
from tests.streams.site import Site
from tests.support.api import AppClient, app_client, make_service
from tests.support.deliveries import DELIVERIES, github, hooks

GITHUB = DELIVERIES / "github"
PAYLOADS = {path.relative_to(GITHUB).with_suffix("").as_posix(): path for path in sorted(GITHUB.glob("*/*.json"))}
IGNORED = {"4.18.0/workflow_job.started", "7.6.1/ping", "7.6.1/workflow_dispatch"}
WITHOUT_RUN = "4.0.2/workflow_run.completed.without-run"
WITHOUT_CONCLUSION = "7.6.1/workflow_run.completed.without-conclusion"
HEALTHY = sorted(PAYLOADS.keys() - IGNORED - {WITHOUT_RUN, WITHOUT_CONCLUSION})


@pytest.fixture
def client(site: Site) -> Iterator[AppClient]:
    """The app with the shipped webhook, and nobody who has a token."""
    service = make_service(site.connect, site.keys, site.catalog, lambda: 0, hooks=hooks("@github"))
    with app_client(service) as client:
        yield client


def _deliver(client: AppClient, name: str, body: bytes | None = None) -> httpx.Response:
    """Deliver a payload with the signature of its bytes, or others with that same signature."""
    content = PAYLOADS[name].read_bytes()
    headers = github(name.partition("/")[2].partition(".")[0], content)
    return client.post("/webhooks/github", content=content if body is None else body, headers=headers)


def _arrived(site: Site) -> list[dict[str, str]]:
    """The attributes of the events that are in Redis, in order."""
    entries = site.client.xrange(site.keys.events)
    return [{name.decode(): value.decode() for name, value in fields.items()} for _, fields in entries]


def _fold(replay: Replay, events: list[dict[str, str]], golden: str) -> None:
    """Compare the traces of events with a golden file. None of them may be rejected, or die."""
    items = [event | {"data": json.loads(event["data"])} if "data" in event else event for event in events]
    result = replay(items, machines=load_catalog(["@github"]))
    assert "rejected" not in result.text()
    assert not result.dead
    result.assert_golden(golden)


def test_the_payloads_are_as_they_were_published() -> None:
    sums = {line[66:]: line[:64] for line in (GITHUB / "SHA256SUMS").read_text().splitlines()}
    found = {f"{name}.json": hashlib.sha256(path.read_bytes()).hexdigest() for name, path in PAYLOADS.items()}
    assert found == sums
    told = (GITHUB / "SOURCES.md").read_text()
    assert set(re.findall(r"^\| `([\d.]+)` \|", told, re.MULTILINE)) == {name.partition("/")[0] for name in PAYLOADS}
    assert "Permission is hereby granted" in (GITHUB / "LICENSE").read_text()


@pytest.mark.parametrize("name", HEALTHY)
def test_a_recorded_payload_gives_its_golden_trace(client: AppClient, site: Site, replay: Replay, name: str) -> None:
    answer = _deliver(client, name)
    assert (answer.status_code, answer.json().get("faults")) == (202, None)
    _fold(replay, _arrived(site), f"github-{name.replace('/', '-')}")


def test_recorded_payloads_with_one_bit_turned_are_not_let_in(client: AppClient, site: Site) -> None:
    for name, path in PAYLOADS.items():
        body = bytearray(path.read_bytes())
        body[len(body) // 2] ^= 1
        answer = _deliver(client, name, bytes(body))
        assert (answer.status_code, answer.json()["field"]) == (401, "x-hub-signature-256"), name
    assert not _arrived(site)


@pytest.mark.parametrize("name", sorted(IGNORED))
def test_recorded_payloads_of_which_nothing_is_to_be_told_are_ignored(client: AppClient, site: Site, name: str) -> None:
    answer = _deliver(client, name)
    assert (answer.status_code, answer.json()["events"]) == (202, [])
    assert "no rule" in answer.json()["ignored"]
    assert not _arrived(site)


def test_a_payload_of_a_run_without_the_run_is_refused(client: AppClient, site: Site) -> None:
    answer = _deliver(client, WITHOUT_RUN)
    assert (answer.status_code, answer.json()["field"]) == (400, "events[0] (com.github.workflow_run.requested): id")
    assert not _arrived(site)


def test_a_run_that_is_said_to_be_over_but_not_how_has_begun_and_that_is_told(client: AppClient, site: Site) -> None:
    answer = _deliver(client, WITHOUT_CONCLUSION)
    assert answer.status_code == 202
    assert [fault["key"] for fault in answer.json()["faults"]] == ["type"]
    assert [event["type"] for event in _arrived(site)] == ["com.github.workflow_run.requested"]


@pytest.mark.parametrize("order", [1, -1])
def test_the_recorded_deliveries_of_one_run_are_one_trace(
    client: AppClient, site: Site, replay: Replay, order: int
) -> None:
    for name in ("4.0.2/workflow_run.requested", "4.0.2/workflow_run.completed")[::order]:
        assert _deliver(client, name).status_code == 202
    _fold(replay, _arrived(site), "github-run-of-2020")


@pytest.mark.parametrize("order", [1, -1])
def test_the_recorded_deliveries_of_a_protected_job_are_one_that_waits(
    client: AppClient, site: Site, replay: Replay, order: int
) -> None:
    for name in ("7.6.1/workflow_job.queued.with-deployment", "7.6.1/workflow_job.waiting")[::order]:
        assert _deliver(client, name).status_code == 202
    _fold(replay, _arrived(site), "github-protected-job")
