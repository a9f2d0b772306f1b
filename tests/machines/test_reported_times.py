"""Times as other systems write them, to the nanosecond."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machines.instants import LATEST_NS, parse_instant
from machines.reported_times import TIME_FORMATS, TimeFormat, read_time

AT = parse_instant("2026-11-22T16:00:00.5Z")


@pytest.mark.parametrize(
    ("value", "time_format"),
    [
        ("2026-11-22T16:00:00.5Z", "rfc3339"),
        ("2026-11-22T17:00:00.500+01:00", "rfc3339"),
        ("2026-11-22T16:00:00.5", "utc"),
        ("2026-11-22 16:00:00.5000000", "utc"),
        ("2026-11-22 16:00:00.5 UTC", "utc"),
        ("2026-11-22T17:00:00.5+01:00", "utc"),
        (1795363200.5, "epoch_seconds"),
        ("1795363200.5", "epoch_seconds"),
        (1795363200500, "epoch_milliseconds"),
        ("1795363200500", "epoch_milliseconds"),
    ],
)
def test_every_form_of_a_time_is_the_same_instant(value: object, time_format: TimeFormat) -> None:
    assert read_time(value, time_format) == AT


def test_a_number_of_seconds_is_taken_as_it_is_written() -> None:
    assert read_time(1795363200.123456, "epoch_seconds") == 1795363200_123456_000
    assert read_time("1795363200.123456789", "epoch_seconds") == 1795363200_123456789


@pytest.mark.parametrize(
    ("value", "time_format", "reason"),
    [
        ("2026-11-22T16:00:00", "rfc3339", "not an RFC 3339"),
        (1795363200, "rfc3339", "write time_format"),
        (None, "utc", "write time_format"),
        (1795363200500, "epoch_seconds", "is the unit right"),
        (-1, "epoch_seconds", "is the unit right"),
        ("1e999999", "epoch_seconds", "is the unit right"),
        ("nan", "epoch_seconds", "is the unit right"),
        (float("inf"), "epoch_seconds", "is the unit right"),
        (10**500, "epoch_seconds", "a number, is needed"),
        (-(10**500), "epoch_seconds", "a number, is needed"),
        ("9" * 50, "epoch_seconds", "a number, is needed"),
        (True, "epoch_seconds", "a number, is needed"),
        ("noon", "epoch_milliseconds", "epoch milliseconds, a number"),
    ],
)
def test_what_is_no_time_says_why(value: object, time_format: TimeFormat, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_time(value, time_format)


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.sampled_from(TIME_FORMATS))
def test_any_value_is_a_time_or_a_value_error(value: object, time_format: TimeFormat) -> None:
    with suppress(ValueError):
        assert 0 <= read_time(value, time_format) <= LATEST_NS
