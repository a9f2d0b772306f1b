"""What guards see of data, and what is kept of a chart's variables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statemachine.event import BoundEvent

from machines.fields import Fields, plain, view

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_a_field_is_read_by_name_or_key() -> None:
    data = Fields({"amount": 3, "owner": {"name": "Ada"}, "tags": [1, {"x": 2}]})
    assert data.amount == 3
    assert data["amount"] == 3
    assert view(data.owner) == Fields({"name": "Ada"})
    assert data.owner.name == "Ada"  # type: ignore[attr-defined]  # the point: objects are read the same way
    assert data.tags[1].x == 2  # type: ignore[index]  # lists are tuples of the same
    assert isinstance(data.tags, tuple)


def test_a_missing_field_is_null_by_name_and_an_error_by_key() -> None:
    data = Fields({})
    assert data.missing is None
    with pytest.raises(KeyError):
        data["missing"]


def test_a_field_may_have_the_name_of_a_method() -> None:
    data = Fields({"items": 1, "keys": 2, "get": 3})
    assert [getattr(data, name) for name in ("items", "keys", "get", "values")] == [1, 2, 3, None]


def test_an_object_answers_what_a_mapping_answers() -> None:
    data = Fields({"a": 1, "b": 2})
    assert (list(data), len(data), "a" in data, "c" in data) == (["a", "b"], 2, True, False)
    assert data == {"a": 1, "b": 2}
    assert data == Fields({"b": 2, "a": 1})
    assert data != Fields({})
    assert not Fields({})


def test_data_cannot_be_changed() -> None:
    data = Fields({"a": 1})
    with pytest.raises(AttributeError, match="data is read-only: a cannot be set"):
        data.a = 2
    with pytest.raises(TypeError):
        hash(data)


@given(JSON)
def test_what_guards_see_is_kept_as_it_was(value: object) -> None:
    assert plain("x", view(value)) == value


def test_a_text_with_more_to_it_is_kept_as_plain_text() -> None:
    kept = plain("x", [BoundEvent("go", name="Go"), {BoundEvent("a", name="A"): 1.5}])
    assert kept == ["go", {"a": 1.5}]
    assert isinstance(kept, list)
    assert type(kept[0]) is str
    assert [type(key) for key in kept[1]] == [str]


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, [2**64]])
def test_an_integer_that_no_snapshot_holds_is_refused_by_name(value: object) -> None:
    with pytest.raises(TypeError, match=r"variable total holds an integer beyond 64 bit"):
        plain("total", value)


@pytest.mark.parametrize("value", [{1, 2}, object(), {1: 2}, b"x", [len]])
def test_what_is_no_plain_value_is_refused_by_name(value: object) -> None:
    with pytest.raises(TypeError, match=r"variable total holds a .*; keep text, numbers, lists and objects only"):
        plain("total", value)
