"""Machines over the API."""

from pathlib import Path

import pytest

from api.machine_description import MachineChildren, describe_machine
from machines.catalog import EXAMPLES, load_catalog
from streams.keys import partition_of
from streams.layout import settle_partitions
from streams.troubles import Trouble, name_list, write_troubles
from tests.streams.site import JOB, PARTITIONS, Site
from tests.support.api import AppClient, app_client, make_service


def test_all_versions_are_listed_by_name(site: Site) -> None:
    catalog = site.load(JOB, JOB | {"version": 2})
    with app_client(make_service(site.connect, site.keys, catalog, lambda: 0)) as api:
        links = {"self": "/machines/job", "diagram": "/machines/job/diagram", "workflows": "/workflows?machine=job"}
        assert api.get("/machines").json() == {"machines": [{"machine": "job", "versions": [1, 2], "links": links}]}
        told = api.get("/machines/job").json()
        assert [version["version"] for version in told["versions"]] == [1, 2]
        assert (told["links"], told["trouble"]) == (links, None)


def test_a_machine_is_told_in_full(api: AppClient) -> None:
    (version,) = api.get("/machines/job").json()["versions"]
    assert version == {
        "machine": "job",
        "version": 1,
        "starts_on": ["com.example.job.started"],
        "states": ["running", "paused", "done", "failed", "expired"],
        "final": ["done", "failed", "expired"],
        "accepts": ["expire", "failed", "finished", "paused", "resumed"],
        "events": {},
        "attributes": ["label"],
        "deadlines": {"paused": {"after_seconds": 600.0, "send": "expire"}},
        "outcomes": {"done": "ok", "failed": "error", "expired": "timeout"},
        "children": {},
        "parent_ended": {},
        "source": None,
        "list": None,
        "export": "complete",
        "trace": "own",
    }


def test_an_unknown_machine_is_a_problem_that_names_the_known(api: AppClient) -> None:
    answer = api.get("/machines/jib")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "there is no machine 'jib': loaded here: job"


@pytest.mark.parametrize("path", ["/machines", "/machines/order"])
def test_where_a_document_lies_is_not_told(site: Site, path: str) -> None:
    catalog = load_catalog([str(EXAMPLES)])
    with app_client(make_service(site.connect, site.keys, catalog, lambda: 0)) as api:
        assert str(Path(EXAMPLES).parent) not in api.get(path).text


def test_a_machine_says_what_it_waits_for_what_it_polls_and_what_it_does_when_its_parent_has_ended() -> None:
    told = {machine.name: describe_machine(machine) for machine in load_catalog([str(EXAMPLES)])}
    assert told["valuation"].children == {"valuing": MachineChildren("all", "shards", "children.done")}
    assert told["valuation-shard"].parent_ended == {"timeout": "timeout", "cancelled": "withdrawn"}
    assert told["risk-workflow"].source == "${RISK_URL}/workflows/{id}"


def test_a_machine_whose_list_cannot_be_polled_says_so_in_the_api_and_on_its_pages(site: Site) -> None:
    rules = [{"type": "com.example.job.started", "subject": "{id}", "time": "at", "each": "jobs"}]
    listed = {"url": "${JOBS}/jobs?key=secret", "events": rules, "next": "links.next"}
    source = {"url": "${JOBS}/jobs/{id}", "events": [{"type": "com.example.job.finished"}], "list": listed}
    catalog = site.load(JOB | {"source": source})
    settle_partitions(site.client, site.keys, PARTITIONS)
    place = partition_of("job", PARTITIONS), name_list("job")
    trouble = {"kind": "status-404", "detail": "<none>", "since": "1970-01-01T00:00:07Z"}
    with app_client(make_service(site.connect, site.keys, catalog, lambda: 0)) as api:
        assert api.get("/machines/job").json()["trouble"] is None
        write_troubles(site.client, site.keys, {place: Trouble("status-404", "<none>", 7_000)})
        told = api.get("/machines/job").json()
        assert (told["trouble"], told["versions"][0]["list"]) == (trouble, "${JOBS}/jobs")
        assert "&lt;none&gt; (since 1970-01-01T00:00:07Z)" in api.get("/ui/machines/job").text
        assert "list: status-404" in api.get("/ui/machines").text
        write_troubles(site.client, site.keys, {place: None})
        assert "status-404" not in api.get("/ui/machines").text
