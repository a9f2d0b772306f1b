"""Every overlay is rendered by kubectl without a word, and valid for the Kubernetes versions that are supported."""

import pytest
import yaml

from scripts.map import ROOT, list_files
from tests.support.component_sets import NEEDS
from tests.support.manifest_rules import faults
from tests.support.manifests import COMPONENTS, KUSTOMIZE, OVERLAYS, render_overlay
from tests.support.validity import find_invalid

FILES = [path for path in list_files(ROOT) if path.startswith("k8s/kustomize/")]


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_rendered_without_a_warning_and_valid(name: str) -> None:
    assert not [fault for manifest in render_overlay(name) for fault in find_invalid(manifest)]


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_keeps_all_promises(name: str) -> None:
    assert not faults(render_overlay(name))


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_says_in_three_lines_what_it_adds_needs_and_sets(name: str) -> None:
    text = (KUSTOMIZE / "components" / name / "README.md").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) <= 3
    assert all(word in text for word in ("Adds", "Need", "Sets")), text
    assert all(f"`{needed}`" in text for needed in NEEDS[name]), NEEDS[name]


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


@pytest.mark.parametrize("environment", ["local", "azure"])
def test_the_two_cycles_make_up_an_environment_and_share_nothing(environment: str) -> None:
    both, app, monitoring = (render_overlay(f"{environment}{cycle}") for cycle in ("", "/app", "/monitoring"))
    assert sorted(map(str, both)) == sorted(map(str, (*app, *monitoring)))
    spaces = [
        {one["metadata"].get("namespace", one["metadata"]["name"]) for one in cycle} for cycle in (app, monitoring)
    ]
    assert spaces == [{"longspan"}, {"longspan-monitoring"}]


def test_the_example_for_argo_cd_has_an_application_for_each_cycle() -> None:
    for path in sorted((KUSTOMIZE / "examples" / "argo-cd").glob("*.yaml")):
        spec = yaml.safe_load(path.read_text())["spec"]
        assert (ROOT / spec["source"]["path"] / "kustomization.yaml").is_file()
        overlay = spec["source"]["path"].partition("/overlays/")[2]
        (namespace,) = [one for one in render_overlay(overlay) if one["kind"] == "Namespace"]
        assert spec["destination"]["namespace"] == namespace["metadata"]["name"]
        assert "ServerSideApply=true" in spec["syncPolicy"]["syncOptions"], "the dashboards are too large else"
