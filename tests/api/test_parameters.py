"""Query parameters: from text to a struct, or a problem that names the parameter."""

from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from api.parameters import PREFIX, read_query
from api.problems import Problem


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One of every sort."""

    name: str | None = None
    size: Annotated[int, Meta(ge=1)] = 5
    kinds: tuple[str, ...] = ()
    fields: Annotated[tuple[tuple[str, str], ...], Meta(extra={PREFIX: "field."})] = ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Asked()),
        ("name=a%20b+c", Asked(name="a b c")),
        ("name=", Asked(name="")),
        ("size=7", Asked(size=7)),
        ("kinds=a&kinds=b", Asked(kinds=("a", "b"))),
        ("field.x=1&field.y.z=%26", Asked(fields=(("x", "1"), ("y.z", "&")))),
    ],
)
def test_what_is_right_is_read(text: str, expected: Asked) -> None:
    assert read_query(Asked, text.encode()) == expected


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("nome=a", "nome"),
        ("size=0", "size"),
        ("size=x", "size"),
        ("name=a&name=b", "name"),
        ("field.=1", "field."),
        ("name=%ff", None),
        ("name=\xff", None),
        ("&".join(f"field.x={number}" for number in range(101)), None),
    ],
)
def test_what_is_wrong_is_named(text: str, field: str | None) -> None:
    with pytest.raises(Problem) as caught:
        read_query(Asked, text.encode("latin-1"))
    assert (caught.value.status, caught.value.field) == (400, field)


def test_unknown_parameters_can_be_let_pass() -> None:
    assert read_query(Asked, b"other=1&size=2", open_query=True) == Asked(size=2)


def test_a_route_without_parameters_refuses_any() -> None:
    assert read_query(None, b"") is None
    with pytest.raises(Problem, match="takes none"):
        read_query(None, b"x=1")


def test_a_near_name_is_proposed() -> None:
    with pytest.raises(Problem, match=r"did you mean name\?"):
        read_query(Asked, b"nam=1")


def test_a_value_is_never_taken_for_another_type() -> None:
    told: Any = read_query(Asked, b"name=7&kinds=1")
    assert (told.name, told.kinds) == ("7", ("1",))
