"""What guards and actions see of an event's data: fields by name or key, read only."""

from collections.abc import Iterator, Mapping


class Fields(Mapping[str, object]):
    """A read-only view of a JSON object: `data.amount` is null where the field is missing, `data['amount']` an error.

    Attribute access never reaches a method of the mapping itself, so a field may be called `items` or `keys`.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, object]) -> None:
        object.__setattr__(self, "_values", values)

    def __getattribute__(self, name: str) -> object:
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        return view(_values(self).get(name))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"data is read-only: {name} cannot be set")

    def __getitem__(self, key: str) -> object:
        return view(_values(self)[key])

    def __iter__(self) -> Iterator[str]:
        return iter(_values(self))

    def __len__(self) -> int:
        return len(_values(self))

    def __contains__(self, key: object) -> bool:
        return key in _values(self)

    def __eq__(self, other: object) -> bool:
        return _values(self) == (_values(other) if isinstance(other, Fields) else other)

    def __hash__(self) -> int:
        raise TypeError("an object in data cannot be a key")


def _values(fields: Fields) -> Mapping[str, object]:
    values: Mapping[str, object] = object.__getattribute__(fields, "_values")
    return values


def view(value: object) -> object:
    """A JSON value as guards see it: objects become Fields, lists become tuples."""
    if isinstance(value, dict):
        return Fields(value)
    if isinstance(value, list):
        return tuple(view(item) for item in value)
    return value


def plain(name: str, value: object) -> object:
    """A chart's variable as it is kept in the snapshot. Raises TypeError where it is no plain JSON value."""
    if value is None or type(value) in (str, bool, float):
        return value
    if isinstance(value, str):  # the name of an event is one with more to it
        return str.__str__(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        if -(2**63) <= value < 2**64:
            return int(value)
        raise TypeError(f"variable {name} holds an integer beyond 64 bit")
    if isinstance(value, Fields):
        return plain(name, _values(value))
    if isinstance(value, list | tuple):
        return [plain(name, item) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {str.__str__(key): plain(name, item) for key, item in value.items()}
    raise TypeError(f"variable {name} holds a {type(value).__name__}; keep text, numbers, lists and objects only")
