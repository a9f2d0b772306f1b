"""`scripts/k8s render` hands out nothing that is still to be filled in; the scripts say what they cannot do."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.map import ROOT


def _run(folder: Path, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_an_overlay_with_something_left_to_fill_in_is_not_rendered() -> None:
    shown = _run(ROOT, "scripts/k8s", "render", "azure")
    assert (shown.returncode, shown.stdout) == (1, "")
    assert "fill-in-tenant-id" in shown.stderr
    assert "settings/settings.env" in shown.stderr


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A copy of the manifests with everything filled in, in the one file for it."""
    for part in ("k8s", "scripts"):
        shutil.copytree(ROOT / part, tmp_path / part)
    settings = tmp_path / "k8s/kustomize/overlays/azure/settings/settings.env"
    settings.write_text(settings.read_text().replace("fill-in-", "our-"))
    return tmp_path


@pytest.mark.parametrize("overlay", ["azure", "azure/app", "azure/monitoring", "azure/tenant"])
def test_one_file_has_all_that_is_to_be_filled_in(filled: Path, overlay: str) -> None:
    shown = _run(filled, "scripts/k8s", "render", overlay, PATH=f"{ROOT}/.venv/bin:{os.environ['PATH']}")
    assert shown.returncode == 0, shown.stderr
    assert "our-" in shown.stdout
    assert "fill-in" not in shown.stdout


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
