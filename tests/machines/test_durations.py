"""Durations as people write and read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machines.durations import format_duration, parse_duration
from machines.errors import DurationError

MS, SECOND, MINUTE, HOUR, DAY = 10**6, 10**9, 60 * 10**9, 3_600 * 10**9, 86_400 * 10**9


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("500ms", 500 * MS),
        ("10s", 10 * SECOND),
        ("5m", 5 * MINUTE),
        ("4h", 4 * HOUR),
        ("7d", 7 * DAY),
        ("0s", 0),
        ("1.5h", 90 * MINUTE),
        ("0.1s", 100 * MS),
        (" 10s ", 10 * SECOND),
        ("999999999d", 999_999_999 * DAY),
    ],
)
def test_a_number_and_a_unit_are_a_duration(text: str, duration: int) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "+1s", "1 s", "1h30m", "1w", "1S", "1e3s", "٣s", ".5s", "1.s"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(DurationError, match=r"is not a duration: write a number and a unit, such as 500ms, 10s"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (0, "0ms"),
        (50, "0ms"),
        (50_000, "0.05ms"),
        (15 * MS, "15ms"),
        (1_234_567, "1.23ms"),
        (999_499_999, "999ms"),
        (999_999_999, "1s"),
        (SECOND, "1s"),
        (3_200 * MS, "3.2s"),
        (MINUTE, "1m"),
        (2 * HOUR + 5 * MINUTE + 7 * SECOND, "2h 5m"),
        (DAY + 3 * SECOND, "1d 3s"),
        (4 * HOUR, "4h"),
        (-15 * MS, "-15ms"),
    ],
)
def test_a_duration_is_written_short(duration: int, text: str) -> None:
    assert format_duration(duration) == text


@given(st.integers(0, 10_000 * DAY))
def test_a_written_duration_never_needs_an_exponent(duration: int) -> None:
    assert "e" not in format_duration(duration)


@given(st.integers(1, 10_000), st.sampled_from(["s", "m", "h", "d"]))
def test_a_duration_of_one_unit_survives_being_read_and_written(count: int, unit: str) -> None:
    duration = parse_duration(f"{count}{unit}")
    assert sum(parse_duration(part) for part in format_duration(duration).split()) <= duration
    assert parse_duration(format_duration(duration).split()[0]) > duration / 2
