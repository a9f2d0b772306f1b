"""The checks of a machine's `source`: its URLs, headers, durations and rules, each problem with its place."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from machines.durations import parse_duration
from machines.errors import DurationError
from machines.mapping import Mapping, parse
from machines.paging import check_paging
from machines.places import Document, Path
from machines.problems import Problem
from machines.source import Source, read_source
from machines.url_template import find_faults

_LIMITS = {"delay": ("0s", "7d"), "interval": ("100ms", "7d"), "timeout": ("10ms", "5m"), "backoff": ("100ms", "7d")}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SECRET = ("authorization", "proxy-authorization", "cookie", "x-api-key")
_OURS = ("host", "content-length", "transfer-encoding", "connection", "accept-encoding", "if-none-match")


def check_source(document: Document) -> list[Problem]:
    """All that is wrong with `source`, whose shape is right; nothing where there is none."""
    facts: dict[str, Any] = document.facts
    source = facts.get("source")
    if source is None:
        return []
    attributes = tuple(facts.get("attributes", ()))
    problems = list(_check_request(document, ("source",), source, attributes, of_workflow=True))
    problems += parse(source["events"], document, ("source", "events"))[1]
    listed = source.get("list")
    if listed is not None:
        problems += _check_request(document, ("source", "list"), listed, (), of_workflow=False)
        mapping, wrong = parse(listed["events"], document, ("source", "list", "events"))
        problems += wrong or _check_collected(document, mapping)
        problems += check_paging(document, ("source", "list"), listed)
    return problems


def make_source(document: Document) -> Source | None:
    """The source of checked facts; None where there is none."""
    facts: dict[str, Any] = document.facts
    source = facts.get("source")
    if source is None:
        return None
    events = parse(source["events"], document, ("source", "events"))[0]
    listed = source.get("list")
    collected = parse(listed["events"], document, ("source", "list", "events"))[0] if listed is not None else None
    return read_source(source, events, collected)


def _check_request(
    document: Document, path: Path, facts: dict[str, Any], attributes: tuple[str, ...], *, of_workflow: bool
) -> Iterator[Problem]:
    for fault in find_faults(facts["url"], attributes, of_workflow=of_workflow):
        yield document.problem((*path, "url"), f"the url {fault}")
    for name, value in facts.get("headers", {}).items():
        for fault in _header_faults(name, value):
            yield document.problem((*path, "headers", name), fault)
    for key, (least, most) in _LIMITS.items():
        if key in facts:
            yield from _check_duration(document, (*path, key), facts[key], least, most)


def _header_faults(name: str, value: str | dict[str, str]) -> Iterable[str]:
    if not _HEADER_NAME.fullmatch(name):
        yield f"{name!r} is no name of a header"
    elif name.lower() in _OURS:
        yield f"the header {name} is set by Longspan itself"
    if isinstance(value, str):
        if not value.isascii() or not value.isprintable():
            yield f"the header {name} holds characters that a header cannot have"
        if name.lower() in _SECRET:
            yield f"the header {name} is a secret: give it as {{file: PATH}} or {{variable: NAME}}"
        return
    if ("file" in value) == ("variable" in value):
        yield f"the header {name} comes either from a file or from a variable: name one of them"
    if not value.get("prefix", "").isprintable():
        yield f"the prefix of the header {name} holds characters that a header cannot have"


def _check_duration(document: Document, path: Path, text: str, least: str, most: str) -> Iterator[Problem]:
    try:
        duration_ns = parse_duration(text)
    except DurationError as error:
        yield document.problem(path, str(error))
        return
    if not parse_duration(least) <= duration_ns <= parse_duration(most):
        yield document.problem(path, f"{path[-1]} must lie between {least} and {most}, not {text}")


def _check_collected(document: Document, mapping: Mapping) -> Iterator[Problem]:
    """What the rules of a collection need: whose event it is, and a time, or what ended long ago would start again."""
    for index, rule in enumerate(mapping.rules):
        path = ("source", "list", "events", index)
        if "subject" not in rule.texts:
            yield document.problem(path, "a rule of `list` needs `subject`: which workflow it starts")
        if rule.time is None:
            yield document.problem(path, "a rule of `list` needs `time`: what began long ago is passed over")
