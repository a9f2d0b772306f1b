"""The machines in the manifests are machines, a change of anything rolls the pods, and tenants are apart."""

import re
from pathlib import Path

import pytest

from machines.catalog import load_catalog
from tests.support.manifest_settings import config_maps
from tests.support.manifests import KUSTOMIZE, OVERLAYS, of_kind, pods, render_overlay


@pytest.mark.parametrize("name", [name for name in OVERLAYS if name.endswith("app")])
def test_the_machines_of_an_overlay_are_machines(name: str, tmp_path: Path) -> None:
    (machines,) = [
        one for one in of_kind(render_overlay(name), "ConfigMap") if one["metadata"]["name"][:9] == "machines-"
    ]
    for file, text in machines["data"].items():
        (tmp_path / file).write_text(text)
    assert list(load_catalog([str(tmp_path)]))


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_change_of_a_setting_a_machine_or_a_secret_rolls_the_pods(name: str) -> None:
    """Their names end with a hash of what is in them, wherever a pod names them."""
    rendered = render_overlay(name)
    generated = {one["metadata"]["name"] for one in of_kind(rendered, "ConfigMap", "Secret")}
    assert all(re.fullmatch(r"[a-z-]+-[a-z0-9]{10}", one) for one in generated)
    text = str([pod.spec for pod in pods(rendered)])
    assert {one for one in generated if f"'{one}'" not in text} == set()


def test_a_tenant_differs_in_namespace_prefix_host_and_nothing_is_left_of_the_first() -> None:
    first, second = render_overlay("azure/app"), render_overlay("azure/tenant")
    (settings,) = [data for data in config_maps(second).values() if "LONGSPAN_NAMESPACE" in data]
    assert (settings["LONGSPAN_NAMESPACE"], settings["LONGSPAN_PREFIX"]) == ("acme", "acme")
    assert {one["metadata"].get("namespace", "longspan-acme") for one in second} == {"longspan-acme"}
    assert len(first) == len(second)
    (gateway,) = of_kind(second, "Gateway")
    assert gateway["spec"]["listeners"][0]["hostname"] == "acme.example.com"
    (scaled,) = of_kind(second, "ScaledObject")
    assert scaled["spec"]["triggers"][0]["metadata"]["query"].count('namespace="longspan-acme"') == 2


def test_a_tenant_is_ten_lines() -> None:
    lines = (KUSTOMIZE / "overlays" / "azure" / "tenant" / "kustomization.yaml").read_text().splitlines()
    assert len(lines) <= 10
