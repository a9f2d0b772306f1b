"""Any two components that docs/deploy.md lets stand together do so, on the base and on the overlays, in any order."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import pytest

from tests.support.component_sets import (
    APPLICATION,
    CYCLES,
    EXCLUDE,
    MONITORING,
    NEEDS,
    additions,
    largest,
    needed,
    pairs,
    rendered_sets,
    together,
)
from tests.support.manifest_rules import faults
from tests.support.manifests import COMPONENTS, ComponentSet, Manifest, NotRenderedError, render_sets
from tests.support.validity import find_invalid


def test_the_page_about_deploying_names_every_component_once_and_pairs_of_them() -> None:
    assert sorted(NEEDS) == sorted(COMPONENTS)
    assert {part for before in NEEDS.values() for part in before} < set(COMPONENTS)
    assert all(pair < set(COMPONENTS) and why for pair, why in EXCLUDE.items())
    for cycle in (APPLICATION, MONITORING):
        assert all({*NEEDS[name]} <= {*cycle} for name in cycle), "the cycles are applied on their own"


def test_every_pair_is_tried_but_those_that_exclude_each_other() -> None:
    tried = {frozenset((one.components[-1], other.components[-1])) for one, other in pairs()}
    left_out = [pair for cycle in CYCLES.values() for pair in combinations(cycle, 2) if frozenset(pair) not in tried]
    assert all(not together(*pair) or NEEDS[pair[0]] or NEEDS[pair[1]] for pair in left_out), left_out
    assert len(tried) > 100
    assert len(list(additions())) > 10


def test_every_set_of_components_keeps_all_promises() -> None:
    wrong = {str(one): found for one, rendered in rendered_sets().items() if (found := faults(rendered))}
    assert not wrong


def test_every_set_of_components_is_valid_for_every_version_of_kubernetes() -> None:
    distinct = {id(manifest): manifest for rendered in rendered_sets().values() for manifest in rendered}
    assert not [fault for manifest in distinct.values() for fault in find_invalid(manifest)]


def test_the_order_of_components_changes_nothing() -> None:
    rendered = rendered_sets()
    for one, other in (*pairs(), *largest()):
        assert _by_name(rendered[one]) == _by_name(rendered[other]), one


@pytest.mark.parametrize("name", [name for name, before in NEEDS.items() if before])
def test_a_component_before_what_it_needs_is_refused_or_it_changes_nothing(name: str) -> None:
    on = next(on for on, cycle in CYCLES.items() if name in cycle)
    right, wrong = ComponentSet(needed(name), on), ComponentSet((name, *needed(*NEEDS[name])), on)
    try:
        (rendered,) = render_sets([wrong]).values()
    except NotRenderedError:
        return
    assert _by_name(rendered) == _by_name(rendered_sets()[right])


@pytest.mark.parametrize("pair", EXCLUDE, ids=lambda pair: "+".join(sorted(pair)))
def test_components_that_exclude_each_other_do_not_work_together(pair: frozenset[str]) -> None:
    on = next(on for on, cycle in CYCLES.items() if pair <= set(cycle))
    (rendered,) = render_sets([ComponentSet(needed(*sorted(pair)), on)]).values()
    assert faults(rendered)


def _by_name(rendered: tuple[Manifest, ...]) -> dict[tuple[str, str, str], Any]:
    found = {(one["apiVersion"], one["kind"], one["metadata"]["name"]): _unordered(one) for one in rendered}
    assert len(found) == len(rendered)
    return found


def _unordered(node: Any) -> Any:
    """Lists of what has names, in the order of the names: it means the same."""
    if isinstance(node, Mapping):
        return {key: _unordered(inner) for key, inner in node.items()}
    if isinstance(node, list):
        inner = [_unordered(one) for one in node]
        named = all(isinstance(one, dict) and "name" in one for one in inner)
        return sorted(inner, key=lambda one: str(one["name"])) if named else inner
    return node
