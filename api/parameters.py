"""Query parameters: from the text of a query to the struct that an endpoint declares, or a problem that names one."""

from difflib import get_close_matches
from functools import cache
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec

from api.problems import Problem, wrong_parameter

MOST_PARAMETERS = 100
PREFIX = "prefix"  # in a field's `Meta(extra=...)`: it takes every parameter of which the name begins so


class Parameter(NamedTuple):
    """One parameter. With `prefix` its field holds pairs of what comes behind the prefix, and the value. `default` is
    None where there is no other than to leave it out."""

    name: str
    field: str
    type: Any
    repeatable: bool
    prefix: str | None
    default: Any


@cache
def parameters_of(query: type[msgspec.Struct]) -> tuple[Parameter, ...]:
    """The parameters that a struct declares: repeatable where the field is a tuple."""
    found = []
    for field in msgspec.structs.fields(query):
        extra = next((meta.extra or {} for meta in getattr(field.type, "__metadata__", ())), {})
        bare = getattr(field.type, "__origin__", field.type) if extra else field.type
        repeatable = get_origin(bare) is tuple or bare is tuple
        default = field.default if isinstance(field.default, str | int | bool) else None
        found.append(Parameter(field.encode_name, field.name, field.type, repeatable, extra.get(PREFIX), default))
    return tuple(found)


def read_query(query: type[msgspec.Struct] | None, text: bytes, *, open_query: bool = False) -> Any:
    """The struct of a query string, None where none is declared. Raises Problem 400 that names the parameter."""
    if not text and query is None:
        return None
    try:
        pairs = parse_qsl(text.decode("ascii"), True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except UnicodeDecodeError:
        raise Problem(400, "Wrong query", "the query is not percent-encoded UTF-8") from None
    except ValueError:
        raise Problem(400, "Wrong query", f"the query has more than {MOST_PARAMETERS} parameters") from None
    parameters = parameters_of(query) if query is not None else ()
    values: dict[str, Any] = {}
    for name, value in pairs:
        parameter = _find(parameters, name)
        if parameter is None:
            if open_query:
                continue
            raise _unknown(parameters, name)
        if parameter.prefix is not None:
            values.setdefault(parameter.field, []).append((name.removeprefix(parameter.prefix), value))
        elif parameter.repeatable:
            values.setdefault(parameter.field, []).append(value)
        elif parameter.field in values:
            raise wrong_parameter(name, "is given twice")
        else:
            values[parameter.field] = _convert(parameter, value)
    for parameter in parameters:
        if parameter.repeatable and parameter.field in values:
            values[parameter.field] = _convert(parameter, values[parameter.field])
    return query(**values) if query is not None else None


def _find(parameters: tuple[Parameter, ...], name: str) -> Parameter | None:
    for parameter in parameters:
        if parameter.name == name or (
            parameter.prefix and name.startswith(parameter.prefix) and name != parameter.prefix
        ):
            return parameter
    return None


def _convert(parameter: Parameter, value: Any) -> Any:
    try:
        return msgspec.convert(value, _given(parameter.type), strict=False)
    except msgspec.ValidationError as error:
        raise wrong_parameter(parameter.name, f"is wrong: {str(error).partition(' - at')[0]}") from None


@cache
def _given(declared: Any) -> Any:
    """What a parameter is where it is given: no text stands for none."""
    kinds = [kind for kind in get_args(declared) if kind is not NoneType]
    return Union[tuple(kinds)] if get_origin(declared) in (Union, UnionType) else declared  # noqa: UP007  its members are in a tuple


def _unknown(parameters: tuple[Parameter, ...], name: str) -> Problem:
    known = [f"{parameter.prefix}<name>" if parameter.prefix else parameter.name for parameter in parameters]
    near = get_close_matches(name, known, 1, 0.5)
    if near:
        remedy = f"did you mean {near[0]}?"
    elif known:
        remedy = f"there are {', '.join(known)}"
    else:
        remedy = "this route takes none"
    return Problem(400, "Unknown parameter", f"there is no parameter {name[:100]!r}: {remedy}", field=name[:100])
