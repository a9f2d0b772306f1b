"""The shape of machine documents: JSON schema of our facts and python-statemachine's of the chart, told plainly."""

import json
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource
from statemachine.io.validation import load_schema

from machines.places import Document, Path, describe_path
from machines.problems import Problem

_KINDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
# Stands for the chart where the facts alone are checked: in the SCXML and Python forms the chart is elsewhere.
ANY_CHART: dict[str, Any] = {"states": {"any": {}}}

_SUGGESTION_LIMIT = 200  # names: comparing with more takes longer than it helps


def check_shape(document: Document) -> list[Problem]:
    """Everything that the two schemas say against a document."""
    return [
        document.problem(path, reason)
        for error in _validator().iter_errors(document.facts)
        for path, reason in _explain(error)
    ]


def sound_facts(document: Document) -> dict[str, Any]:
    """The facts that the schemas have nothing against: what can be checked further while others are wrong."""
    schema: Any = _validator().schema
    wrong = {error.absolute_path[0] for error in _validator().iter_errors(document.facts) if error.absolute_path}
    return {key: value for key, value in document.facts.items() if key in schema["properties"] and key not in wrong}


def suggest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` where a known name is near, else nothing."""
    candidates = sorted(known)[:_SUGGESTION_LIMIT]
    near = get_close_matches(name[:100], candidates, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


@cache
def _validator() -> Draft202012Validator:
    ours = json.loads(files("machines").joinpath("machine.schema.json").read_text(encoding="utf-8"))
    chart: Resource[Any] = Resource.from_contents(load_schema())
    return Draft202012Validator(ours, registry=Registry().with_resource(load_schema()["$id"], chart))


def _explain(error: ValidationError) -> Iterator[tuple[Path, str]]:
    wanted: Any = error.validator_value
    schema: Any = error.schema
    instance: Any = error.instance
    path: Path = tuple(error.absolute_path)
    where = describe_path(path)
    named = f"{where} " if where else "the document "
    match error.validator:
        case "additionalProperties" if isinstance(instance, dict):
            known = schema.get("properties", {})
            inside = f" in {where}" if where else ""
            for key in instance:
                if key not in known:
                    yield (*path, key), f"unknown key {key!r}{inside}{suggest(key, known)}"
        case "required":
            for key in wanted:
                if error.message.startswith(repr(key)):  # one error for each missing key
                    yield path, f"{where or 'the document'} has no {key!r}"
        case "type":
            yield path, f"{named}must be {_KINDS[wanted]}, not {_kind(instance)}"
        case "enum":
            choices = ", ".join(str(choice) for choice in wanted)
            yield path, f"{named}must be one of {choices}, not {_shorten(instance)}"
        case "oneOf" if error.context:
            yield from _explain_choice(error, path, named)
        case "pattern":
            yield path, f"{named}must be letters, digits, '.', '_' and '-', at most 128: {_shorten(instance)}"
        case "uniqueItems":
            doubled = next(item for index, item in enumerate(instance) if item in instance[:index])
            yield path, f"{named}names {_shorten(doubled)} twice"
        case "minimum" | "maximum":
            yield path, f"{named}must be {_BOUNDS[str(error.validator)]} {wanted}"
        case "minLength" | "minProperties":
            yield path, f"{named}must not be empty"
        case "maxLength" | "maxItems":
            yield path, f"{named}is longer than {wanted}"
        case "maxProperties":
            yield path, f"{named}must have one key, not {len(instance)}: {', '.join(instance)}"
        case _:
            yield path, f"{named}is not valid: {error.message[:200]}"


_BOUNDS = {"minimum": "at least", "maximum": "at most"}


def _explain_choice(error: ValidationError, path: Path, named: str) -> Iterator[tuple[Path, str]]:
    """Of several forms the one that was meant: the one whose kind (mapping, list, text) is right."""
    forms: dict[object, list[ValidationError]] = {}
    for inner in error.context or ():
        forms.setdefault(inner.relative_schema_path[0], []).append(inner)
    meant = [inners for inners in forms.values() if not any(_is_other_kind(inner) for inner in inners)]
    if meant:
        for inner in meant[0]:
            yield from _explain(inner)
        return
    kinds = " or ".join(dict.fromkeys(_KINDS[kind] for kind in _wanted_kinds(error)))
    yield path, f"{named}must be {kinds}, not {_kind(error.instance)}"


def _is_other_kind(inner: ValidationError) -> bool:
    if inner.relative_path:
        return False
    if inner.validator == "oneOf" and inner.context:
        return all(_is_other_kind(nested) for nested in inner.context)
    return inner.validator == "type"


def _wanted_kinds(error: ValidationError) -> Iterator[str]:
    for inner in error.context or ():
        if inner.validator == "type":
            yield str(inner.validator_value)
        else:
            yield from _wanted_kinds(inner)


def _kind(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return _shorten(value)


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
