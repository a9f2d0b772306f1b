"""Every overlay and component is rendered by kubectl and valid for the Kubernetes versions that are supported."""

import functools
import json
from collections.abc import Sequence
from typing import Any

import kubernetes_validate
import kubernetes_validate.utils
import pytest
import yaml

from scripts.map import ROOT, list_files
from tests.support.crds import CUSTOM, find_faults
from tests.support.manifests import COMPONENTS, KUSTOMIZE, NEEDS, OVERLAYS, Manifest, render_components, render_overlay

VERSIONS = ("1.35", "1.36", "1.37")
APPLICATION = ("redis", "tokens", "archive", "autoscaling", "gateway", "key-vault", "network-policy", "poller")
# It would read its definitions, some megabytes, for each object again.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)
FILES = [path for path in list_files(ROOT) if path.startswith("k8s/kustomize/")]


def _validate(manifests: Sequence[Manifest]) -> None:
    for manifest in manifests:
        _validate_object(json.dumps(manifest, sort_keys=True))


@functools.cache
def _validate_object(text: str) -> None:
    """One object; the same one comes with many components."""
    manifest = json.loads(text)
    what = f"{manifest['kind']} {manifest['metadata']['name']}"
    if manifest["apiVersion"].split("/")[0] in CUSTOM:
        assert not find_faults(manifest), what
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            pytest.fail(f"{what}, Kubernetes {version}: {error.message} at {list(error.path)}")


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_rendered_without_a_warning_and_valid(name: str) -> None:
    _validate(render_overlay(name))


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_is_valid_alone(name: str) -> None:
    _validate(render_components(name))


def test_all_components_of_the_application_go_together() -> None:
    _validate(render_components(*APPLICATION, "metrics-targets", "workload-identity", "simulator"))


def test_all_components_of_monitoring_go_together() -> None:
    _validate(render_components("tempo", "grafana", "prometheus", "grafana-anonymous", "monitoring-operator"))
    _validate(render_components("tempo-azure", "grafana-azure", "grafana-gateway", "monitoring-azure"))


def test_an_object_with_a_fault_is_found() -> None:
    service: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "api"},
        "spec": {"port": [{"port": 80}]},
    }
    with pytest.raises(pytest.fail.Exception, match="port"):
        _validate([service])
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "api"},
        "spec": {"hostname": "a.example"},
    }
    assert find_faults(route)


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_says_in_three_lines_what_it_adds_needs_and_sets(name: str) -> None:
    lines = [line for line in (KUSTOMIZE / "components" / name / "README.md").read_text().splitlines() if line]
    text = "\n".join(lines)
    assert len([line for line in lines if not line.startswith("#")]) <= 3
    assert all(word in text for word in ("Adds", "Need", "Sets")), text
    assert set(NEEDS) <= set(COMPONENTS)


def test_a_file_is_named_after_the_one_object_that_it_holds() -> None:
    wrong = []
    for path in FILES:
        if not path.endswith(".yaml") or path.endswith(".patch.yaml") or not path.count("/") >= 3:
            continue
        objects = [one for one in yaml.safe_load_all((ROOT / path).read_text()) if one]
        if len(objects) != 1 or "apiVersion" not in objects[0] or "metadata" not in objects[0]:
            continue
        kind = objects[0]["kind"].lower()
        if not path.endswith(f"-{kind}.yaml"):
            wrong.append(path)
    assert not wrong


def test_no_file_of_the_manifests_is_too_long() -> None:
    long = [path for path in FILES if path.endswith((".yaml", ".sh")) and (ROOT / path).read_text().count("\n") > 250]
    assert not long
