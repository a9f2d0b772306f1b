"""docs/scale.md: its tables follow from its inputs, and the arithmetic from the sentences beside it."""

import pytest

from tests.bench.million import INPUTS, PAGE, Plan, fill

TEXT = PAGE.read_text()
GIVEN = {name: float(value.replace(",", "")) for name, value in INPUTS.findall(TEXT)}


def test_the_tables_are_computed_from_the_inputs() -> None:
    assert fill(TEXT) == TEXT, "python -m tests.bench.million --write"


def test_another_input_changes_the_tables() -> None:
    changed = fill(TEXT.replace("| `worker_us` | ", "| `worker_us` | 1"))
    assert changed != TEXT
    assert fill(changed) == changed


def test_twice_the_rate_needs_twice_of_all() -> None:
    once, twice = Plan(GIVEN), Plan(GIVEN | {"rate": 2 * GIVEN["rate"]})
    assert twice.workflows == 2 * once.workflows
    assert twice.redis_gb == pytest.approx(2 * once.redis_gb)
    assert twice.workers == pytest.approx(2 * once.workers, rel=0.1)


def test_every_installation_has_the_same_share_and_none_is_over_its_limits() -> None:
    plan = Plan(GIVEN)
    each = plan.rate / plan.installations
    exports = plan.rate / plan.workers * GIVEN["exporter_us"]
    assert (each * GIVEN["router_us"] + exports) / 1e6 <= GIVEN["busy"]
    assert plan.workers % plan.installations == plan.primaries % plan.installations == 0
    assert plan.rate / plan.workers * GIVEN["worker_us"] / 1e6 <= GIVEN["busy"]
    assert plan.rate / plan.primaries * GIVEN["redis_us"] / 1e6 <= GIVEN["redis_busy"]
    assert plan.redis_gb / plan.primaries <= GIVEN["primary_gb"]


def test_what_breaks_first_stands_first() -> None:
    limits = Plan(GIVEN).limits()
    assert limits == sorted(limits)
    assert "default retention" in limits[0][1]
