"""Declared attributes: what spans can carry of an event's data."""

import pytest

from machines.attributes import collect


@pytest.mark.parametrize(
    ("value", "carried"),
    [
        ("text", "text"),
        ("", ""),
        (True, True),
        (7, 7),
        (0.5, 0.5),
        (-(2**63), -(2**63)),
        (2**63 - 1, 2**63 - 1),
        (2**63, "9223372036854775808"),
        (-(2**63) - 1, "-9223372036854775809"),
        ([1, 2], [1, 2]),
        ([-(2**63)], [-(2**63)]),
        ([2**63], "[9223372036854775808]"),
        (["a", "b"], ["a", "b"]),
        ([True, False], [True, False]),
        ([0.5], [0.5]),
        ([], "[]"),
        ([1, True], "[1,true]"),
        ([1, 0.5], "[1,0.5]"),
        ([None], "[null]"),
        ([[1]], "[[1]]"),
        ({"a": [1, {"b": "ü"}]}, '{"a":[1,{"b":"ü"}]}'),
        ({"big": 2**70}, '{"big":1180591620717411303424}'),
    ],
)
def test_a_value_is_carried_as_opentelemetry_can(value: object, carried: object) -> None:
    found = collect(["a"], {"a": value})["a"]
    assert found == carried
    assert type(found) is type(carried)


def test_only_declared_fields_that_say_something_are_collected() -> None:
    assert collect(["b", "a", "c", "d"], {"a": 1, "b": 2, "c": None, "x": 3}) == {"b": 2, "a": 1}
