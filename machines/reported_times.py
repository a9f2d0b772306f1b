"""Times as other systems report them: RFC 3339 with or without an offset, or seconds or milliseconds since 1970."""

import re
from decimal import Decimal, InvalidOperation
from typing import Literal, get_args

from machines.instants import LATEST_NS, parse_instant

TimeFormat = Literal["rfc3339", "utc", "epoch_seconds", "epoch_milliseconds"]
TIME_FORMATS: tuple[TimeFormat, ...] = get_args(TimeFormat)

_NANOSECONDS: dict[TimeFormat, int] = {"epoch_seconds": 10**9, "epoch_milliseconds": 10**6}
_OFFSET = re.compile(r"(?:[Zz]|[+-]\d\d:\d\d)$", re.ASCII)
_LONGEST = 40  # characters of a number written as text


def read_time(value: object, time_format: TimeFormat) -> int:
    """Nanoseconds since the epoch. `utc` is RFC 3339 where the offset may be missing or be the word UTC.

    Raises ValueError with the reason when the value is no such time.
    """
    unit = _NANOSECONDS.get(time_format)
    if unit is not None:
        return _count(value, unit, time_format)
    if not isinstance(value, str):
        raise ValueError("a date and time as text is needed; write time_format where it is another form")
    if time_format == "utc":
        value = value.removesuffix(" UTC")
        value += "" if _OFFSET.search(value) else "Z"
    return parse_instant(value)


def _count(value: object, unit: int, time_format: TimeFormat) -> int:
    wanted = f"{time_format.replace('_', ' ')}, a number, is needed"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(wanted)
    if (isinstance(value, str) and len(value) > _LONGEST) or (isinstance(value, int) and abs(value) > LATEST_NS):
        raise ValueError(wanted)
    try:
        number = Decimal(str(value).strip())  # a float as it is written: its binary value has other nanoseconds
    except InvalidOperation:
        raise ValueError(wanted) from None
    if not number.is_finite() or not 0 <= number <= LATEST_NS // unit:
        raise ValueError("must lie between 1970-01-01 and 2262-04-11; is the unit right?")
    return int(number * unit)
