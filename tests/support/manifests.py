"""Manifests as kubectl would apply them: overlays, filled in, and sets of components, rendered by the real program."""

import atexit
import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, NamedTuple

import yaml

from scripts.map import ROOT

Manifest = Mapping[str, Any]
KUSTOMIZE = ROOT / "k8s" / "kustomize"
KUBECTL = Path(sys.executable).parent / "kubectl"
NAMESPACE = "some"  # which sets of components are rendered for

# One process renders so many sets, since it takes longer to start than to render one; more take longer each.
_SETS_A_PROCESS = 16


def _kustomizations(kind: str, below: Path) -> list[str]:
    files = sorted(below.rglob("kustomization.yaml"))
    return [str(file.parent.relative_to(below)) for file in files if f"\nkind: {kind}\n" in file.read_text()]


OVERLAYS = tuple(_kustomizations("Kustomization", KUSTOMIZE / "overlays"))
COMPONENTS = tuple(_kustomizations("Component", KUSTOMIZE / "components"))


class ComponentSet(NamedTuple):
    """Components in the order in which they are listed, on a kustomization: the base, an overlay, or nothing."""

    components: tuple[str, ...]
    on: str = ""

    def __str__(self) -> str:
        return "+".join([*([self.on.replace("/", "-")] if self.on else []), *self.components])


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


class NotRenderedError(AssertionError):
    """Kubectl refused, or had a word to say; it says which folder was meant."""


def fill_in(kustomize: Path) -> None:
    """Puts the examples in the place of what is to be filled in, in a copy of the manifests."""
    settings = kustomize / "overlays" / "azure" / "settings" / "settings.env"
    settings.write_text(re.sub(r"^#(?=[A-Z_]+=)", "", settings.read_text(), flags=re.MULTILINE))


@functools.cache
def filled() -> Path:
    """A copy of the manifests with everything filled in."""
    folder = Path(mkdtemp()).resolve()
    atexit.register(shutil.rmtree, folder)
    shutil.copytree(KUSTOMIZE, folder / "kustomize")
    fill_in(folder / "kustomize")
    return folder / "kustomize"


@functools.cache
def render_overlay(name: str) -> tuple[Manifest, ...]:
    """What `kubectl apply -k` of an overlay would apply. Raises NotRenderedError where kubectl has a word to say."""
    return tuple(_parse(text) for text in _documents(filled() / "overlays" / name))


def render_sets(sets: Sequence[ComponentSet]) -> dict[ComponentSet, tuple[Manifest, ...]]:
    """What each set comes to, all in the namespace `some`; objects that are alike are one. Raises NotRenderedError."""
    distinct = list(dict.fromkeys(sets))
    batches = [distinct[first : first + _SETS_A_PROCESS] for first in range(0, len(distinct), _SETS_A_PROCESS)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(_render_batch, batches))
    return {one: rendered for batch in found for one, rendered in batch.items()}


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


def _render_batch(sets: Sequence[ComponentSet]) -> dict[ComponentSet, tuple[Manifest, ...]]:
    """Each is rendered in a namespace of its own, which tells afterwards what is whose."""
    found: dict[str, list[Manifest]] = {f"set-{number}": [] for number in range(len(sets))}
    with TemporaryDirectory() as path:
        folder = Path(path).resolve()
        near = os.path.relpath(filled(), folder / "set")
        for namespace, one in zip(found, sets, strict=True):
            kustomization = {
                "namespace": namespace,
                "resources": [f"{near}/{one.on}"] if one.on else [],
                "components": [f"{near}/components/{name}" for name in one.components],
            }
            (folder / str(one)).mkdir()
            (folder / str(one) / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        (folder / "kustomization.yaml").write_text(yaml.safe_dump({"resources": [str(one) for one in sets]}))
        for text in _documents(folder):
            place = re.search(r"^  (?:namespace|name): (set-\d+)$", text, re.MULTILINE)
            assert place, text
            found[place[1]].append(_parse(re.sub(rf"\b{place[1]}$", NAMESPACE, text, flags=re.MULTILINE)))
    return {one: tuple(rendered) for one, rendered in zip(sets, found.values(), strict=True)}


def _documents(folder: Path) -> list[str]:
    shown = subprocess.run([KUBECTL, "kustomize", folder], capture_output=True, text=True, timeout=120, check=False)
    if shown.returncode or shown.stderr:
        raise NotRenderedError(shown.stderr)
    return shown.stdout.split("\n---\n")


@functools.cache
def _parse(text: str) -> Manifest:
    manifest: Manifest = yaml.load(text, Loader=yaml.CSafeLoader)
    return manifest
