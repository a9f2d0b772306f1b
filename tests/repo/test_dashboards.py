"""Dashboards and alerts: what they ask for is there, in the words of the processes that tell it."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import yaml

from api.tempo.traceql import parse_query
from spans.resource import describe_resource
from streams.keys import Keys
from tests.longspan.probed import Probed
from tests.streams.site import Site
from tests.support.api import AppClient, app_client, make_service
from tests.support.monitored import (
    COMPONENTS,
    TARGET_LABELS,
    TEMPO_METRICS,
    alerts,
    dashboards,
    grouped_by,
    labels_of,
    metrics_of,
    scaled,
    targets,
    told,
)
from tests.support.nightly import fail_nightly, start_nightly
from tests.support.servers import Server

BOARDS = dashboards()
PROMQL = [
    *(target["expr"] for board in BOARDS.values() for _, target in targets(board) if "expr" in target),
    *(rule["expr"] for rule in alerts()),
    *scaled(),
    *(
        re.sub(r"label_values\((.*), \w+\)", r"\1", variable["query"]["query"])
        for board in BOARDS.values()
        for variable in board["templating"]["list"]
        if variable["type"] == "query"
    ),
]
TRACEQL = sorted(
    {
        (source, target["query"])
        for board in BOARDS.values()
        for source, target in targets(board)
        if target.get("query", "").startswith("{")
    }
)
CHOSEN = {"tenant:pipe": "default", "machine:pipe": "nightly|other", "outcome:pipe": "ok|error", "workflow": "lives"}


@pytest.fixture(scope="module")
def site(valkey_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A workflow that runs and one that has failed."""
    site = Site(valkey_server.url, "test-dashboards", tmp_path_factory.mktemp("site"))
    worker = start_nightly(site, "failed")
    fail_nightly(site, worker, "failed")
    start_nightly(site, "lives", worker=worker)
    yield site
    site.close()


@pytest.fixture(scope="module")
def api(site: Site) -> Iterator[AppClient]:
    """The API of the site."""
    service = make_service(
        site.connect, site.keys, site.catalog, lambda: site.now_ms * 1_000_000, resource=describe_resource("default")
    )
    with app_client(service) as client:
        yield client


@pytest.fixture(scope="module")
def metrics(api: AppClient, site: Site, valkey_server: Server) -> dict[str, set[str]]:
    """What a worker and the API tell, and Tempo."""
    probed = Probed(valkey_server.url, Keys("test-dashboards"))
    probed.work()
    probed.statistics.held = frozenset({0, 1, 2, 3})
    try:
        worker = probed.get("/metrics")[2]
    finally:
        probed.health.stop()
        probed.client.close()
    api.get("/workflows")
    return told(worker, api.get("/metrics").text) | TEMPO_METRICS


def filled(query: str) -> str:
    """A query with the variables of its dashboard filled in."""
    return re.sub(r"\$\{([\w:]+)\}|\$(\w+)", lambda found: CHOSEN[found[1] or found[2]], query)


@pytest.mark.parametrize("promql", PROMQL)
def test_an_expression_names_metrics_and_labels_that_a_process_tells(promql: str, metrics: dict[str, set[str]]) -> None:
    named = metrics_of(promql)
    assert named, "it names no metric"
    assert not named - set(metrics)
    for metric, label in labels_of(promql):
        assert label in metrics[metric] | TARGET_LABELS, f"{metric} has no label {label}"
    known = set[str]().union(*(metrics[metric] for metric in named)) | TARGET_LABELS
    assert not grouped_by(promql) - known


@pytest.mark.parametrize("known", ["longspan_events_total", "longspan_workflows"])
def test_a_metric_that_there_is_not_is_noticed(known: str, metrics: dict[str, set[str]]) -> None:
    broken = [promql.replace(known, name) for promql in PROMQL for name in ("longspan_gone", "gone") if known in promql]
    assert broken
    assert all(metrics_of(promql) - set(metrics) in ({"longspan_gone"}, {"gone"}) for promql in broken)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool on the PATH (Debian's package prometheus)")
def test_every_expression_of_a_dashboard_is_one_that_prometheus_understands(tmp_path: Path) -> None:
    plain = [re.sub(r"\$__rate_interval", "5m", promql) for promql in PROMQL]
    rules = [{"record": f"panel:{number}", "expr": promql} for number, promql in enumerate(plain)]
    path = tmp_path / "panels.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    checked = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stderr


def test_a_query_names_attributes_that_spans_have(api: AppClient) -> None:
    spans = [span for name in ("failed", "lives") for span in api.get(f"/workflows/{name}/trace").json()["spans"]]
    known = {f"span.{name}" for span in spans for name in span["attributes"]} | {"resource.service.namespace"}
    for source, query in TRACEQL:
        named = set(re.findall(r"\b(?:span|resource)\.[\w.]+", query))
        assert named
        assert not named - known, source


@pytest.mark.parametrize("query", [query for source, query in TRACEQL if source == "${live}"])
def test_longspan_answers_what_a_dashboard_asks_it_for(query: str, api: AppClient, site: Site) -> None:
    parse_query(filled(query))
    start = site.now_ms // 1_000 - 3_600
    asked = {"q": filled(query), "limit": 100, "spss": 20, "start": start, "end": start + 7_200}
    answer = api.get("/api/search?" + urlencode(asked))
    assert answer.status_code == 200, answer.text
    assert [trace["rootTraceName"] for trace in answer.json()["traces"]] == ["nightly"]


def test_a_dashboard_is_complete_and_nothing_in_it_covers_another() -> None:
    uids = {uid for path in (COMPONENTS / "grafana" / "provisioning").glob("*.yaml") for uid in _uids(path)}
    assert uids == {"tempo", "longspan-live", "prometheus"}
    for name, board in BOARDS.items():
        variables = {variable["name"] for variable in board["templating"]["list"]}
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken, f"{name}: {panel['title']} covers another panel"
            assert place["x"] + place["w"] <= 24
            taken |= cells
            assert panel["datasource"]["uid"] in {*uids, "${live}"}
            for target in panel["targets"]:
                used = re.findall(r"\$\{?(\w+)", target.get("expr", "") + target.get("query", ""))
                assert set(used) <= variables | {"__rate_interval"}, f"{name}: {panel['title']}"


def test_every_dashboard_that_a_link_leads_to_is_there() -> None:
    linked = {uid for board in BOARDS.values() for uid in re.findall(r"/d/([\w-]+)", str(board))}
    assert linked == {"longspan-workflow"}
    assert linked < {board["uid"] for board in BOARDS.values()}
    for name in BOARDS:
        assert f"dashboards/{name}" in (COMPONENTS / "grafana" / "kustomization.yaml").read_text()


def _uids(path: Path) -> list[str]:
    return [source["uid"] for source in yaml.safe_load(path.read_text()).get("datasources", [])]
