"""Durations as people write them: `10s`, `5m`, `4h`, `7d`."""

import re

from machines.errors import DurationError

_UNITS_NS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3_600 * 10**9, "d": 86_400 * 10**9}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)", re.ASCII)


def parse_duration(text: str) -> int:
    """Nanoseconds of a duration text. Raises DurationError."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise DurationError(text)
    return round(float(match[1]) * _UNITS_NS[match[2]]) if "." in match[1] else int(match[1]) * _UNITS_NS[match[2]]


def format_duration(duration_ns: int) -> str:
    """The shortest text for a duration in nanoseconds, cut to the two largest units: `2h 5m`, `3.2s`, `15ms`."""
    if duration_ns < 0:
        return "-" + format_duration(-duration_ns)
    if duration_ns < 10**6:
        return f"{duration_ns / 10**6:.3f}".rstrip("0").rstrip(".") + "ms"
    if duration_ns < 999_500_000:  # from here on three digits would say 1e+03
        return f"{duration_ns / 10**6:.3g}ms"
    if duration_ns < 60 * 10**9:
        return f"{duration_ns / 10**9:.3g}s"
    parts = []
    for unit in ("d", "h", "m", "s"):
        count, duration_ns = divmod(duration_ns, _UNITS_NS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])
