"""Manifests as kubectl would apply them: overlays, and components alone or together, rendered by the real program."""

import functools
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import yaml

from scripts.map import ROOT

Manifest = Mapping[str, Any]
KUSTOMIZE = ROOT / "k8s" / "kustomize"
KUBECTL = Path(sys.executable).parent / "kubectl"

# What a component is listed after: its README says so too.
NEEDS = {
    "grafana-anonymous": ("grafana",),
    "grafana-azure": ("grafana",),
    "grafana-gateway": ("grafana",),
    "monitoring-network-policy": ("tempo", "grafana", "prometheus"),
    "poller-redis": ("redis", "poller"),
    "simulator": ("redis",),
    "tempo-azure": ("tempo",),
}
MONITORING = ("tempo", "grafana", "prometheus", "monitoring")


def _kustomizations(kind: str, below: Path) -> list[str]:
    files = sorted(below.rglob("kustomization.yaml"))
    return [str(file.parent.relative_to(below)) for file in files if f"\nkind: {kind}\n" in file.read_text()]


OVERLAYS = tuple(_kustomizations("Kustomization", KUSTOMIZE / "overlays"))
COMPONENTS = tuple(_kustomizations("Component", KUSTOMIZE / "components"))


class Pod(NamedTuple):
    """The pods of one workload: its name, the namespace it is in, its labels and its spec."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    spec: Mapping[str, Any]
    replicas: int

    @property
    def containers(self) -> list[dict[str, Any]]:
        """All containers."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]


@functools.cache
def render_overlay(name: str) -> tuple[Manifest, ...]:
    """What `kubectl apply -k` of an overlay would apply. Fails where kubectl has a word to say."""
    return _render(KUSTOMIZE / "overlays" / name)


@functools.cache
def render_components(*names: str) -> tuple[Manifest, ...]:
    """What components add to the base, or, where they are of monitoring, to nothing."""
    listed = dict.fromkeys(part for name in names for part in (*NEEDS.get(name, ()), name))
    application = not all(name.startswith(MONITORING) for name in names)
    with TemporaryDirectory() as folder:
        near = os.path.relpath(KUSTOMIZE, Path(folder).resolve())
        kustomization = {
            "resources": [f"{near}/base"] if application else ["namespace.yaml"],
            "components": [f"{near}/components/{name}" for name in listed],
        }
        Path(folder, "namespace.yaml").write_text("{apiVersion: v1, kind: Namespace, metadata: {name: some}}")
        Path(folder, "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        return _render(Path(folder).resolve())


def pods(manifests: Sequence[Manifest]) -> Iterator[Pod]:
    """The pods of all workloads."""
    for manifest in manifests:
        if manifest["kind"] in ("Deployment", "StatefulSet"):
            spec, template = manifest["spec"], manifest["spec"]["template"]
            labels = template["metadata"]["labels"]
            yield Pod(
                manifest["metadata"]["name"],
                manifest["metadata"].get("namespace", ""),
                labels,
                template["spec"],
                spec.get("replicas", 1),
            )


def of_kind(manifests: Sequence[Manifest], *kinds: str) -> list[Manifest]:
    """Those of some kinds."""
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def _render(folder: Path) -> tuple[Manifest, ...]:
    shown = subprocess.run([KUBECTL, "kustomize", folder], capture_output=True, text=True, timeout=60)
    assert (shown.returncode, shown.stderr) == (0, ""), shown.stderr
    return tuple(yaml.load_all(shown.stdout, Loader=yaml.CSafeLoader))
