"""Nothing is rendered that is still to be filled in, by kubectl or by our script; scripts say what they cannot do."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from scripts.map import ROOT
from tests.support.manifest_rules import faults
from tests.support.manifests import KUBECTL, KUSTOMIZE, fill_in


def _run(folder: Path, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )


SETTINGS = "overlays/azure/settings/settings.env"


@pytest.mark.parametrize("overlay", ["azure", "azure/app", "azure/monitoring", "azure/tenant"])
def test_kubectl_itself_refuses_what_is_still_to_be_filled_in_and_names_the_line_and_the_file(overlay: str) -> None:
    shown = _run(ROOT, str(KUBECTL), "kustomize", str(KUSTOMIZE / "overlays" / overlay))
    assert (shown.returncode, shown.stdout) == (1, "")
    assert re.search(rf"`data\.[A-Z_]+` is missing .*{re.escape(SETTINGS)}", shown.stderr)


def test_the_script_says_what_is_to_be_filled_in_and_where() -> None:
    shown = _run(ROOT, "scripts/k8s", "render", "azure")
    assert (shown.returncode, shown.stdout) == (1, "")
    assert shown.stderr.count("TENANT_ID") == 1
    assert SETTINGS in shown.stderr
    assert "NAMESPACE" not in shown.stderr, "it has a value"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the manifests with everything filled in, in the one file for it."""
    for part in ("k8s", "scripts"):
        shutil.copytree(ROOT / part, tmp_path / part)
    fill_in(tmp_path / "k8s" / "kustomize")
    return tmp_path


@pytest.mark.parametrize("overlay", ["azure", "azure/app", "azure/monitoring", "azure/tenant"])
def test_one_file_has_all_that_is_to_be_filled_in(clone: Path, overlay: str) -> None:
    shown = _render(clone, overlay)
    assert shown.returncode == 0, shown.stderr
    assert shown.stderr == ""
    assert "longspanregistry.azurecr.io" in shown.stdout or overlay == "azure/monitoring"
    assert "fill-in" not in shown.stdout


@pytest.mark.parametrize("without", ["tempo-azure", "grafana"])
def test_what_the_page_says_can_be_left_out_can_be(clone: Path, without: str) -> None:
    listed = clone / "k8s" / "kustomize" / "overlays" / "azure" / "monitoring" / "kustomization.yaml"
    listed.write_text(re.sub(rf"^  - \S*/{without}\S*\n", "", listed.read_text(), flags=re.MULTILINE))
    shown = _render(clone, "azure")
    assert shown.returncode == 0, shown.stderr
    rendered = list(yaml.safe_load_all(shown.stdout))
    assert faults(rendered) == []
    assert "TEMPO_BACKEND: local" in shown.stdout or without == "grafana"
    assert "image: docker.io/grafana/grafana" not in shown.stdout or without == "tempo-azure"


@pytest.mark.parametrize("left", ["#KEY_VAULT=", "KEY_VAULT="])
def test_one_line_that_is_left_over_is_enough_to_refuse(clone: Path, left: str) -> None:
    settings = clone / "k8s" / "kustomize" / SETTINGS
    settings.write_text(re.sub("^KEY_VAULT=.*$", left, settings.read_text(), flags=re.MULTILINE))
    shown = _render(clone, "azure/app")
    assert (shown.returncode, shown.stdout) == (1, "")
    assert re.findall(r"^  (\w+)$", shown.stderr, re.MULTILINE) == ["KEY_VAULT"]


def test_every_line_of_the_file_is_needed(clone: Path) -> None:
    """Without any of them, kubectl refuses."""
    settings = clone / "k8s" / "kustomize" / SETTINGS
    text = settings.read_text()
    for key in re.findall(r"^([A-Z_]+)=", text, re.MULTILINE):
        settings.write_text(re.sub(f"^{key}=", f"#{key}=", text, flags=re.MULTILINE))
        shown = _run(clone, str(KUBECTL), "kustomize", "k8s/kustomize/overlays/azure")
        assert f"`data.{key}` is missing" in shown.stderr


def _render(clone: Path, overlay: str) -> "subprocess.CompletedProcess[str]":
    return _run(clone, "scripts/k8s", "render", overlay, PATH=f"{KUBECTL.parent}:{os.environ['PATH']}")


def test_an_overlay_that_is_not_there_is_told_with_those_that_are() -> None:
    shown = _run(ROOT, "scripts/k8s", "render", "nowhere")
    assert shown.returncode == 2
    assert "local/app" in shown.stderr
    assert "azure/settings" not in shown.stderr


@pytest.mark.parametrize("script", ["image", "k8s"])
def test_a_verb_that_there_is_not_is_refused(script: str) -> None:
    shown = _run(ROOT, f"scripts/{script}", "frobnicate")
    assert shown.returncode == 2
    assert shown.stderr.startswith(f"Usage: scripts/{script}")
