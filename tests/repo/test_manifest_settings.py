"""The settings in the manifests are settings of Longspan, and the machines in them are machines."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from longspan.endpoint import read_endpoint
from longspan.settings import SETTINGS, read_settings
from machines.catalog import load_catalog
from scripts.map import ROOT
from tests.support.manifests import COMPONENTS, OVERLAYS, Manifest, of_kind, pods, render_components, render_overlay

DOCUMENTED = set(re.findall(r"^\| `([A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))
RENDERED = {f"overlays/{name}": render_overlay(name) for name in OVERLAYS} | {
    f"components/{name}": render_components(name) for name in COMPONENTS
}


def _environment(container: Mapping[str, Any], maps: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """What the container's process would find in its environment; `secret` for what a Secret has."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        if "configMapRef" in source:
            found.update(maps[source["configMapRef"]["name"]])
    for variable in container.get("env", []):
        value = variable.get("value", "secret")
        found[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda match: found[match[1]], value)
    return found


def _maps(rendered: Sequence[Manifest]) -> dict[str, Mapping[str, str]]:
    return {one["metadata"]["name"]: one.get("data") or {} for one in of_kind(rendered, "ConfigMap")}


@pytest.mark.parametrize("place", RENDERED)
def test_every_process_starts_with_settings_that_are_known_and_right(place: str) -> None:
    rendered = RENDERED[place]
    known = {setting.name for setting in SETTINGS} | DOCUMENTED
    for pod in pods(rendered):
        for container in pod.containers:
            if "/longspan:" not in container["image"]:
                continue
            environment = _environment(container, _maps(rendered))
            ours = {name for name in environment if name.startswith(("LONGSPAN_", "OTEL_"))}
            assert ours <= known, ours - known
            settings = read_settings(environment)
            read_endpoint(environment)
            assert settings.health == ("0.0.0.0", 8081)
            mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
            for file in (settings.redis_password_file, settings.archive, settings.api_tokens):
                if isinstance(file, Path):
                    assert mounts & {str(file), *map(str, file.parents)}, file


@pytest.mark.parametrize("name", [name for name in OVERLAYS if name.endswith("app")])
def test_the_machines_of_an_overlay_are_machines(name: str, tmp_path: Path) -> None:
    (machines,) = [
        one for one in of_kind(render_overlay(name), "ConfigMap") if one["metadata"]["name"][:9] == "machines-"
    ]
    for file, text in machines["data"].items():
        (tmp_path / file).write_text(text)
    assert list(load_catalog([str(tmp_path)]))


def test_a_change_of_a_setting_or_a_machine_rolls_the_pods() -> None:
    for pod in pods(render_overlay("local/app")):
        for container in pod.containers:
            for source in container.get("envFrom", []):
                assert re.fullmatch(r"settings-[a-z0-9]{10}", source["configMapRef"]["name"])
    volumes = [volume for pod in pods(render_overlay("local/app")) for volume in pod.spec["volumes"]]
    named = {volume["configMap"]["name"] for volume in volumes if "configMap" in volume}
    assert any(re.fullmatch(r"machines-[a-z0-9]{10}", name) for name in named)


def test_a_tenant_differs_in_namespace_prefix_host_and_nothing_is_left_of_the_first() -> None:
    first, second = render_overlay("azure/app"), render_overlay("azure/tenant")
    (settings,) = [data for data in _maps(second).values() if "LONGSPAN_NAMESPACE" in data]
    assert (settings["LONGSPAN_NAMESPACE"], settings["LONGSPAN_PREFIX"]) == ("acme", "acme")
    assert {one["metadata"].get("namespace", "longspan-acme") for one in second} == {"longspan-acme"}
    assert len(first) == len(second)
    (gateway,) = of_kind(second, "Gateway")
    assert gateway["spec"]["listeners"][0]["hostname"] == "acme.example.com"
