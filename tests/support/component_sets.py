"""Which components need or exclude one another, as docs/deploy.md says it, and the sets of them to try."""

import functools
import re
from collections.abc import Iterator
from itertools import combinations

import yaml

from scripts.map import ROOT
from tests.support.manifests import COMPONENTS, KUSTOMIZE, ComponentSet, Manifest, render_sets

_DEPLOY = (ROOT / "docs" / "deploy.md").read_text()
_ROWS = re.findall(r"^\| `([a-z-]+)` \| .+? \|(.*)\|$", _DEPLOY, re.MULTILINE)
# What is listed before a component.
NEEDS: dict[str, tuple[str, ...]] = {name: tuple(re.findall(r"`([a-z-]+)`", before)) for name, before in _ROWS}
# Pairs that do not go together, and why.
EXCLUDE: dict[frozenset[str], str] = {
    frozenset((one, other)): why.strip()
    for one, other, why in re.findall(r"^\| `([a-z-]+)`, `([a-z-]+)` \|(.+)\|$", _DEPLOY, re.MULTILINE)
}
_MONITORING = ("tempo", "grafana", "prometheus", "monitoring")
# The cycles: each is a kustomization, and a namespace, of its own.
MONITORING = tuple(name for name in COMPONENTS if name.startswith(_MONITORING))
APPLICATION = tuple(name for name in COMPONENTS if name not in MONITORING)
CYCLES = {"base": APPLICATION, "": MONITORING}


def needed(*names: str) -> tuple[str, ...]:
    """The components with all that they need, each after what it needs, else in the given order."""
    return tuple(dict.fromkeys(part for name in names for part in (*needed(*NEEDS[name]), name)))


def together(*names: str) -> bool:
    """Whether they, and all that they need, go together."""
    return not any(frozenset(pair) in EXCLUDE for pair in combinations(needed(*names), 2))


def singles() -> Iterator[ComponentSet]:
    """Each component, with what it needs."""
    for on, cycle in CYCLES.items():
        yield from (ComponentSet(needed(name), on) for name in cycle)


def pairs() -> Iterator[tuple[ComponentSet, ComponentSet]]:
    """Any two components of a cycle that go together, and the same two the other way round."""
    for on, cycle in CYCLES.items():
        for one, other in combinations(cycle, 2):
            if together(one, other):
                yield ComponentSet(needed(one, other), on), ComponentSet(needed(other, one), on)


def largest() -> Iterator[tuple[ComponentSet, ComponentSet]]:
    """As many components of a cycle as go together, taken from either end; each, and the other way round."""
    for on, cycle in CYCLES.items():
        for names in (cycle, cycle[::-1]):
            taken: tuple[str, ...] = ()
            for name in names:
                if together(*taken, name):
                    taken = (*taken, name)
            yield ComponentSet(needed(*taken), on), ComponentSet(needed(*taken[::-1]), on)


def additions() -> Iterator[ComponentSet]:
    """Each overlay of a cycle with each component of it that it has not, and that goes with those it has."""
    for environment in ("local", "azure"):
        for cycle, names in (("app", APPLICATION), ("monitoring", MONITORING)):
            place = f"overlays/{environment}/{cycle}"
            listed = yaml.safe_load((KUSTOMIZE / place / "kustomization.yaml").read_text())["components"]
            has = [name for path in listed if (name := path.rpartition("/components/")[2]) in names]
            for name in names:
                if name not in has and together(*has, name):
                    yield ComponentSet(tuple(part for part in needed(name) if part not in has), place)


@functools.cache
def rendered_sets() -> dict[ComponentSet, tuple[Manifest, ...]]:
    """All of them, rendered: once a session."""
    both_ways = [one for pair in (*pairs(), *largest()) for one in pair]
    return render_sets([*singles(), *both_ways, *additions()])
