"""The collection of the simulated system, polled as docs/simulate.md says; the forms of paging in docs/sources.md."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from longspan.api_server import AppThread, listen, url_of
from longspan.polling.asking import Reply
from longspan.polling.pages import Walk
from longspan.polling.reading import Reading
from longspan.polling.trial import show, try_once
from longspan.serving import ServerConfig
from longspan.settings import read_settings
from longspan.simulated_app import SimulatedApi
from longspan.simulated_faults import Faults
from longspan.simulated_system import System
from machines.catalog import EXAMPLES, Catalog, load_catalog
from machines.paging import read_paging
from machines.yaml_form import read_yaml
from scripts.map import ROOT
from tests.longspan.polling.field import Field, Standing
from tests.support.seeds import SEED

SIMULATE = (ROOT / "docs" / "simulate.md").read_text()
SOURCES = (ROOT / "docs" / "sources.md").read_text()
NAMES = [f"list-{number}" for number in range(120)]


def _document(folder: Path) -> Catalog:
    """The machine with the list that the page shows, asked for often."""
    (listed,) = re.findall(r"^```yaml\n(  list:\n.*?)^```", SIMULATE, re.MULTILINE | re.DOTALL)
    text = (EXAMPLES / "risk-workflow.yaml").read_text().replace("  delay: 2s\n", f"  delay: 1m\n{listed}")
    path = folder / "risk-workflow.yaml"
    path.write_text(text.replace("interval: 5s", "interval: 100ms"))
    return load_catalog([str(path)])


def test_the_collection_of_the_simulated_system_starts_every_workflow_page_by_page(
    field: Field, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, now_ns = System(SEED, 60), Standing().now_ns()
    api = SimulatedApi(system, Faults({}, SEED), lambda: now_ns)
    for name in NAMES:
        system.find_or_start(name, now_ns)
    field.catalog = _document(tmp_path)
    listening = listen("127.0.0.1", 0)
    with AppThread(api.app, listening, ServerConfig(listening, 100), lambda: None):
        url = url_of(listening)
        settings = {"LONGSPAN_SOURCE_VARIABLES": "RISK_URL"}
        monkeypatch.setenv("RISK_URL", url)
        trial = try_once(read_settings(settings), field.catalog, None, None, {}, None)
        assert f"next      {url}/workflows?limit=50&after=" in show(trial)
        assert (len(trial.reading.drafts), trial.as_json()["next"]) == (50, trial.following)
        field.environment["RISK_URL"] = url
        field.settings = replace(field.settings, source_variables=frozenset({"RISK_URL"}))
        worker = field.worker()
        with field.polling() as polling:
            field.settled(worker, lambda: all(field.site.view(name) for name in NAMES))
            assert not polling.statistics.troubled_lists
    assert worker.results["applied"] == len(NAMES)


SYSTEMS: dict[str, tuple[list[tuple[dict[str, Any], str]], list[str | None]]] = {
    "GitHub": (
        [({"runs": [1]}, '<http://h/r?page=2>; rel="next"'), ({"runs": [1]}, '<http://h/r?page=1>; rel="prev"')],
        ["http://h/r?page=2", None],
    ),
    "JSON:API": ([({"links": {"next": "/r?p=2"}}, ""), ({"links": {"next": None}}, "")], ["http://h/r?p=2", None]),
    "Kubernetes": (
        [({"metadata": {"continue": "a=="}}, ""), ({"metadata": {"continue": ""}}, "")],
        ["http://h/r?limit=2&continue=a%3D%3D", None],
    ),
    "others": ([({"nextPageToken": 7}, ""), ({}, "")], ["http://h/r?limit=2&pageToken=7", None]),
    "Airflow": (
        [({"dag_runs": [1, 2], "total_entries": 3}, ""), ({"dag_runs": [3], "total_entries": 3}, "")],
        ["http://h/r?limit=2&offset=2", None],
    ),
    "Jenkins": (
        [({"allBuilds": [{}] * 100}, ""), ({"allBuilds": [{}] * 99}, "")],
        ["http://h/r?limit=2&tree=allBuilds%5Bid%2Ctimestamp%5D%7B100%2C200%7D", None],
    ),
}


def test_each_form_of_paging_in_the_reference_leads_through_the_pages_of_its_system() -> None:
    table = SOURCES.partition("| system | `next` |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (.+?) \| (?:``(.+?)``|`(.+?)`) \|$", table, re.MULTILINE)
    assert [name.startswith(system) for system, (name, *_) in zip(SYSTEMS, rows, strict=True)] == [True] * len(rows)
    for (name, (pages, urls)), (_, long, short) in zip(SYSTEMS.items(), rows, strict=True):
        text = long or short
        paging = read_paging({"next": read_yaml(text)[0] if text.startswith("{") else text})
        assert paging is not None, name
        walk = Walk(0, "http://h/r?limit=2", "http://h/r?limit=2")
        for (document, link), url in zip(pages, urls, strict=True):
            reply = Reply(200, b"", "", None, None, links=[link] if link else [])
            items = next((len(value) for value in document.values() if isinstance(value, list)), 0)
            walk.take(paging, items, reply, Reading((), None, document=document, is_document=True), True)
            assert (walk.url, walk.trouble) == (url, None), name
