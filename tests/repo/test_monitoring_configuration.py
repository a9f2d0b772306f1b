"""The configuration of Tempo, Grafana and Prometheus: keys that these programs know, and values that fit together."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from machines.durations import parse_duration
from scripts.map import ROOT
from tests.support.monitored import COMPONENTS, TEMPO_METRICS

SETTINGS = COMPONENTS.parent / "overlays" / "azure" / "settings" / "settings.env"
BUNDLED = {"tempo", "prometheus"}  # data sources that Grafana's image has


def _reference(name: str) -> set[str]:
    """What a program knows, as its makers publish it; the file says where and of which version."""
    lines = (Path(__file__).parent / "reference" / name).read_text().splitlines()
    return {line for line in lines if not line.startswith("#")}


def _read(path: str) -> Any:
    return yaml.safe_load((COMPONENTS / path).read_text())


def _settings(path: str) -> dict[str, str]:
    lines = (COMPONENTS / path).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def _literals(component: str, name: str) -> dict[str, str]:
    generators = _read(f"{component}/kustomization.yaml")["configMapGenerator"]
    return dict(line.split("=", 1) for one in generators if one["name"] == name for line in one.get("literals", []))


def _leaves(node: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(node, dict):
        return {path: node}
    return {
        key: leaf for name, inner in node.items() for key, leaf in _leaves(inner, f"{path}.{name}".strip(".")).items()
    }


def _tempo() -> dict[str, Any]:
    """Tempo's configuration with the variables of the component filled in, by the path of each key."""
    text = (COMPONENTS / "tempo/config/tempo.yaml").read_text()
    given = _literals("tempo", "tempo-settings")
    return _leaves(yaml.safe_load(re.sub(r"\$\{(\w+)\}", lambda found: given[found[1]], text)))


def test_tempo_knows_every_key_of_its_configuration() -> None:
    assert not set(_tempo()) - _reference("tempo-keys.txt")
    text = (COMPONENTS / "tempo/config/tempo.yaml").read_text()
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(_literals("tempo", "tempo-settings"))


def test_tempo_finds_traces_that_began_as_long_ago_as_it_keeps_them() -> None:
    tempo = _tempo()
    retention = parse_duration(tempo["overrides.defaults.compaction.block_retention"])
    for key in (
        "live_store.wal.ingestion_time_range_slack",
        "query_frontend.search.max_duration",
        "query_frontend.metrics.max_duration",
        "backend_worker.compaction.block_retention",
        "backend_scheduler.provider.compaction.compaction.block_retention",
    ):
        assert parse_duration(tempo[key]) == retention, key
    assert tempo["overrides.defaults.global.max_bytes_per_trace"] >= 20 * 4 * 1024 * 1024, "parts of a long run"
    assert tempo["overrides.defaults.ingestion.burst_size_bytes"] >= 10 * 4 * 1024 * 1024


def test_blob_storage_changes_nothing_but_where_blocks_are() -> None:
    assert _literals("tempo-azure", "tempo-settings") == {"TEMPO_BACKEND": "azure"}
    assert set(_literals("tempo", "tempo-settings")) >= {"TEMPO_AZURE_ACCOUNT", "TEMPO_AZURE_CONTAINER"}


@pytest.mark.parametrize("component", ["grafana", "grafana-anonymous", "grafana-azure"])
def test_grafana_knows_every_setting(component: str) -> None:
    path = COMPONENTS / component / "settings.env"
    given = _settings(f"{component}/settings.env") if path.exists() else _literals(component, "grafana-settings")
    patch = COMPONENTS / component / "grafana-deployment.patch.yaml"
    named = re.findall(r"name: (GF_\w+)", patch.read_text()) if patch.exists() else []
    used = {name.removeprefix("GF_") for name in [*given, *named] if name.startswith("GF_")}
    assert not used - _reference("grafana-settings.txt")


def test_nobody_is_let_into_grafana_by_default_and_nothing_is_fetched() -> None:
    given = _settings("grafana/settings.env")
    assert given["GF_AUTH_ANONYMOUS_ENABLED"] == given["GF_AUTH_BASIC_ENABLED"] == "false"
    assert given["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == given["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    # On a read-only root a plugin that Grafana tries to replace is gone: see settings.env.
    assert (given["GF_PLUGINS_PREINSTALL_DISABLED"], given["GF_PLUGINS_PREINSTALL_AUTO_UPDATE"]) == ("true", "false")


def test_data_sources_are_of_plugins_that_are_there_and_their_variables_are_set() -> None:
    given = {*_settings("grafana/settings.env"), "LONGSPAN_TOKEN"}  # the token is the Secret's
    for path in sorted((COMPONENTS / "grafana/provisioning").glob("*.yaml")):
        assert set(re.findall(r"\$(\w+)", path.read_text())) <= given
        for source in yaml.safe_load(path.read_text()).get("datasources", []):
            assert source["type"] in BUNDLED
    fetched = _settings("grafana-azure/settings.env")["GF_PLUGINS_PREINSTALL_SYNC"]
    assert re.fullmatch(r"[\w-]+@\d+\.\d+\.\d+", fetched), "a version that is pinned"
    azure, ours = (
        _read(f"{place}/prometheus.yaml")["datasources"][0] for place in ("grafana-azure", "grafana/provisioning")
    )
    assert azure["type"] == fetched.partition("@")[0]
    assert (azure["uid"], azure["url"]) == (ours["uid"], ours["url"])


def test_prometheus_looks_for_what_there_is() -> None:
    jobs = {job["job_name"]: job for job in _read("prometheus/config/prometheus.yaml")["scrape_configs"]}
    for name in ("worker", "api"):
        service = _read(f"metrics-targets/{name}-metrics-service.yaml")
        (found,) = jobs[f"longspan-{name}"]["dns_sd_configs"]
        assert found["names"] == [f"{service['metadata']['name']}.longspan.svc"]
        assert found["port"] == service["spec"]["ports"][0]["port"]
        (label,) = jobs[f"longspan-{name}"]["relabel_configs"]
        matched = re.fullmatch(label["regex"], found["names"][0])
        assert matched
        assert (label["target_label"], matched[1]) == ("namespace", "longspan")
    ports = {port["port"] for port in _read("tempo/tempo-service.yaml")["spec"]["ports"]}
    assert int(jobs["tempo"]["static_configs"][0]["targets"][0].rpartition(":")[2]) in ports
    assert TEMPO_METRICS


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool on the PATH (Debian's package prometheus)")
def test_promtool_finds_nothing_amiss_in_the_configuration_of_prometheus() -> None:
    path: Path = COMPONENTS / "prometheus/config/prometheus.yaml"
    checked = subprocess.run(["promtool", "check", "config", path], capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stderr


def test_the_page_about_azure_fills_in_every_setting_and_no_other() -> None:
    page = (ROOT / "docs" / "deploy-azure.md").read_text()
    filled = re.search(r"settings\.env <<FILE\n(.*?)\nFILE\n", page, re.DOTALL)
    assert filled
    asked = re.findall(r"^#?([A-Z_]+)=", SETTINGS.read_text(), re.MULTILINE)
    assert [line.partition("=")[0] for line in filled[1].splitlines()] == asked
