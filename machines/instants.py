"""Instants as integer nanoseconds since the Unix epoch, and RFC 3339 text."""

import re
from datetime import UTC, datetime
from functools import lru_cache

NANOSECONDS = 1_000_000_000
LATEST_NS = 2**63 - 1  # year 2262: what backends that count in signed 64 bit can hold

_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d{2}):(\d{2}))", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_instant(text: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 date-time; digits beyond the ninth are cut off.

    Raises ValueError with the reason when the text is not one, or lies outside 1970 to 2262.
    """
    fraction = text[20:-1]
    plain = (text[19:20] == "." and fraction.isdigit()) or len(text) == 20
    if plain and text[-1] == "Z" and len(text) < 31 and text < "2262":
        seconds = text[17:19]
        if seconds < "60" and seconds.isdigit() and text.isascii():
            return _minute(text[:17]) + int(seconds + fraction.ljust(9, "0"))
    return _parse(text)


@lru_cache(maxsize=4096)
def _minute(text: str) -> int:
    """The instant with which a minute begins: events beside each other share it."""
    return _parse(text + "00Z")


def _parse(text: str) -> int:
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 date-time such as 2026-11-22T16:00:00.123456789Z")
    date, clock, fraction, sign, hours, minutes = match.groups()
    if clock.startswith("24"):  # newer versions of Python take it for the next midnight, RFC 3339 does not
        raise ValueError("not a date and time of the calendar: hour must be in 0..23")
    leap = clock.endswith(":60")
    try:
        moment = datetime.fromisoformat(f"{date}T{clock[:-2] + '59' if leap else clock}+00:00")
    except ValueError as error:
        raise ValueError(f"not a date and time of the calendar: {error}") from None
    offset = 0
    if sign:
        if int(hours) > 23 or int(minutes) > 59:
            raise ValueError("the offset must be between -23:59 and +23:59")
        offset = (int(hours) * 3600 + int(minutes) * 60) * (1 if sign == "+" else -1)
    elapsed = moment - _EPOCH
    seconds = elapsed.days * 86_400 + elapsed.seconds + leap - offset
    instant = seconds * NANOSECONDS + int((fraction or "").ljust(9, "0"))
    if not 0 <= instant <= LATEST_NS:
        raise ValueError("must lie between 1970-01-01 and 2262-04-11")
    return instant


def format_instant(instant: int) -> str:
    """RFC 3339 text in UTC of nanoseconds since the epoch, with as many digits as it needs."""
    seconds, fraction = divmod(instant, NANOSECONDS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:09d}".rstrip("0").rstrip(".") + "Z"
