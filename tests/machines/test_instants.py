"""Instants: RFC 3339 text to nanoseconds and back."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machines.instants import LATEST_NS, format_instant, parse_instant

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("1970-01-01T00:00:00.123456789Z", 123_456_789),
        ("1970-01-01T00:00:00.123456789999Z", 123_456_789),
        ("1970-01-01t00:00:02z", 2 * SECOND),
        ("1970-01-01 00:00:02Z", 2 * SECOND),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T22:30:00-01:30", 0),
        ("1970-01-01T00:00:00-00:00", 0),
        ("1970-01-01T23:59:00+23:59", 0),
        ("2016-12-31T23:59:60Z", 1_483_228_800 * SECOND),
        ("2016-12-31T23:59:60.25Z", 1_483_228_800 * SECOND + 250_000_000),
        ("2262-04-11T23:47:16.854775807Z", LATEST_NS),
    ],
)
def test_a_date_time_is_read_to_the_nanosecond(text: str, instant: int) -> None:
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not an RFC 3339 date-time"),
        ("yesterday", "not an RFC 3339 date-time"),
        ("2026-11-22", "not an RFC 3339 date-time"),
        ("2026-11-22T16:00:00", "not an RFC 3339 date-time"),
        ("2026-11-22T16:00Z", "not an RFC 3339 date-time"),
        ("2026-11-22T16:00:00.Z", "not an RFC 3339 date-time"),
        ("2026-11-22T16:00:00Z\n", "not an RFC 3339 date-time"),
        ("\uff12026-11-22T16:00:00Z", "not an RFC 3339 date-time"),
        ("20261122T160000Z", "not an RFC 3339 date-time"),
        ("2026-02-30T16:00:00Z", "not a date and time of the calendar"),
        ("2026-11-22T24:00:00Z", "not a date and time of the calendar"),
        ("2026-11-22T16:00:61Z", "not a date and time of the calendar"),
        ("0000-01-01T00:00:00Z", "not a date and time of the calendar"),
        ("2026-11-22T16:00:00+24:00", "the offset must be between"),
        ("2026-11-22T16:00:00+01:60", "the offset must be between"),
        ("1969-12-31T23:59:59.999999999Z", "must lie between 1970-01-01 and 2262-04-11"),
        ("2262-04-11T23:47:16.854775808Z", "must lie between 1970-01-01 and 2262-04-11"),
        ("9999-12-31T23:59:60Z", "must lie between 1970-01-01 and 2262-04-11"),
    ],
)
def test_what_is_no_instant_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_instant(text)


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (500_000_000, "1970-01-01T00:00:00.5Z"),
        (10 * SECOND, "1970-01-01T00:00:10Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (LATEST_NS, "2262-04-11T23:47:16.854775807Z"),
    ],
)
def test_an_instant_is_written_in_utc_with_as_many_digits_as_it_needs(instant: int, text: str) -> None:
    assert format_instant(instant) == text


@given(st.integers(0, LATEST_NS))
def test_an_instant_survives_being_written_and_read(instant: int) -> None:
    assert parse_instant(format_instant(instant)) == instant


@given(st.datetimes(datetime(1970, 1, 2), datetime(2262, 4, 10), timezones=st.timezones()))  # noqa: DTZ001  hypothesis wants bounds without a zone
def test_an_instant_is_the_one_that_the_calendar_says(moment: datetime) -> None:
    offset = moment.utcoffset()
    assert offset is not None
    if offset.total_seconds() % 60:
        return  # RFC 3339 has no seconds in offsets, old local times do
    elapsed = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    assert parse_instant(moment.isoformat()) == (elapsed.days * 86_400 + elapsed.seconds) * SECOND + (
        elapsed.microseconds * 1_000
    )
