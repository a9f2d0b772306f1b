"""Turns in small portions are kept apart, and one that comes alone waits for nothing."""

import pytest

from streams.spacing import Spacing
from tests.support.waits import Waits


@pytest.mark.parametrize(
    ("took", "entries", "waited"),
    [
        (0.5, 3, [1.5]),
        (0.0, 1, [2.0]),
        (0.5, 99, [1.5]),
        (0.5, 100, []),  # a full one: there is more
        (0.5, 0, []),  # nothing was done
        (2.0, 3, []),  # it waited for its entries, or took so long
        (7.0, 3, []),
        (-5.0, 3, []),  # the clock was set back
    ],
)
def test_a_turn_rests_for_what_is_left_of_its_gap_where_it_was_small(
    took: float, entries: int, waited: list[float]
) -> None:
    now = [100.0]
    spacing, stop = Spacing(lambda: now[0], 2.0, 100), Waits()
    spacing.begin()
    now[0] += took
    spacing.rest(entries, stop)
    assert stop.seconds == waited
