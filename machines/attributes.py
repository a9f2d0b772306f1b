"""Declared attributes: the fields of an event's data that spans carry and the API can search by."""

from collections.abc import Sequence

import msgspec

AttributeValue = str | bool | int | float | list[str] | list[bool] | list[int] | list[float]

_SCALARS = (str, bool, int, float)
_PLAIN = (bool, str, float)


def collect(names: Sequence[str], data: dict[str, object]) -> dict[str, AttributeValue]:
    """The declared attributes that `data` holds, as OpenTelemetry can carry them.

    Lists of one kind of scalar stay lists; objects, mixed lists and integers beyond 64 bit become text; null is left
    out.
    """
    found: dict[str, AttributeValue] = {}
    for name in names:
        value = data.get(name)
        if value is not None:
            found[name] = value if type(value) is str else _attribute(value)
    return found


def _attribute(value: object) -> AttributeValue:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, list) and value and type(value[0]) in _SCALARS:
        kind = type(value[0])
        if all(type(item) is kind for item in value) and not (
            kind is int and any(not -(2**63) <= item < 2**63 for item in value)
        ):
            return value
    return msgspec.json.encode(value).decode()
