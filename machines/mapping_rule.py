"""One rule of a mapping: how an item of a document becomes an event, and what is told where it cannot."""

from collections.abc import Mapping as Facts
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from machines.entries import check_attributes
from machines.errors import EventError
from machines.events import Event
from machines.expression import Expression, ExpressionError, shorten, truth
from machines.instants import format_instant
from machines.interpretation import Scope
from machines.reported_times import TimeFormat, read_time
from machines.wording import Wording, describe

ITEMS_LIMIT = 10_000  # that `each` may find in one document

_encoder = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule could not do with a document. `rule` names the rule, `key` its part, `reason` what was found."""

    rule: str
    key: str
    reason: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.key}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that a document tells of, checked.

    `attributes` are its CloudEvents attributes as text, `data` as JSON text. `time_ns` is the time that the system
    reported; None where it reports none: the event then has the time at which it arrives.
    """

    attributes: Facts[str, str]
    time_ns: int | None

    @property
    def id(self) -> str:
        """What names the event, with its source."""
        return self.attributes["id"]

    @property
    def type(self) -> str:
        """The event's type."""
        return self.attributes["type"]

    @property
    def subject(self) -> str:
        """The id of the workflow."""
        return self.attributes["subject"]

    def fields(self) -> dict[bytes, bytes]:
        """The fields of an ingress entry."""
        return {name.encode(): value.encode() for name, value in self.attributes.items()}

    def event(self, position: str) -> Event:
        """The event as it will be read at this position of the ingress stream, `<ms>-<seq>`."""
        return check_attributes(dict(self.attributes), position)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `name` is how faults name it. `texts` holds type, id, subject and whatever else is written as text.

    `block` counts the rules that follow each other with the same `each` as one.
    """

    name: str
    block: int
    each: Expression | None
    when: Expression | None
    texts: Facts[str, Wording]
    time: Expression | None
    time_format: TimeFormat
    data: Expression | Facts[str, Expression | int | float | bool] | None
    error: Expression | None


class FaultError(Exception):
    """One part of a rule cannot be used."""

    def __init__(self, key: str, reason: str) -> None:
        self.key, self.reason = key, reason
        super().__init__(reason)


def find_items(rule: Rule, document: object, scope: Scope) -> list[object]:
    """What the rule is to be applied to, in order. Raises FaultError."""
    if rule.each is None:
        return [document]
    found = _find("each", rule.each, document, scope)
    if not isinstance(found, list):
        raise FaultError("each", f"{shorten(rule.each.text)!r} gave {describe(found)}, where a list is needed")
    if len(found) > ITEMS_LIMIT:
        raise FaultError("each", f"{shorten(rule.each.text)!r} gave {len(found)} items: at most {ITEMS_LIMIT} are read")
    return found


def apply(rule: Rule, item: object, scope: Scope) -> Draft | None:
    """The event that an item tells of; None where the rule does not hold for it. Raises FaultError."""
    if rule.when is not None and not truth(_find("when", rule.when, item, scope)):
        return None
    attributes = {}
    for key, wording in rule.texts.items():
        try:
            text = wording.write(item, scope)
        except ExpressionError as error:
            raise FaultError(key, str(error)) from None
        if text or key in ("type", "id", "subject"):
            attributes[key] = text
    for key, known in (("subject", "id"), ("machine", "machine"), ("source", "source")):
        default = scope.context.get(known)
        if key not in attributes and isinstance(default, str):
            attributes[key] = default
    time_ns = None if rule.time is None else _read_time(rule, rule.time, item, scope)
    if time_ns is not None:
        attributes["time"] = format_instant(time_ns)
    try:
        data = _collect(rule, item, scope)
        if data:
            attributes["data"] = _encode(data)
        for key, text in attributes.items():
            _check_text(key, text)
        if "id" not in attributes:
            attributes["id"] = blake2b(_encode(attributes).encode(), digest_size=16).hexdigest()
        check_attributes(attributes, "0-0")
    except EventError as error:
        raise FaultError(error.field, error.reason) from None
    return Draft(attributes, time_ns)


def _find(key: str, expression: Expression, item: object, scope: Scope) -> object:
    try:
        return expression.find(item, scope)
    except ExpressionError as error:
        raise FaultError(key, str(error)) from None


def _read_time(rule: Rule, expression: Expression, item: object, scope: Scope) -> int:
    found = _find("time", expression, item, scope)
    try:
        return read_time(found, rule.time_format)
    except ValueError as error:
        raise FaultError("time", f"{shorten(expression.text)!r} gave {describe(found)}: {error}") from None


def _collect(rule: Rule, item: object, scope: Scope) -> dict[str, object]:
    """The data: what was found, without what was not."""
    if isinstance(rule.data, Expression):
        found = _find("data", rule.data, item, scope)
        if found is not None and not isinstance(found, dict):
            raise FaultError("data", f"{shorten(rule.data.text)!r} gave {describe(found)}, where an object is needed")
        data = dict(found or {})
    else:
        data = {
            name: _find(f"data.{name}", value, item, scope) if isinstance(value, Expression) else value
            for name, value in (rule.data or {}).items()
        }
        data = {name: value for name, value in data.items() if value is not None}
    failure = None if rule.error is None else _find("error", rule.error, item, scope)
    if truth(failure):
        data["error"] = failure if isinstance(failure, str) else _encode(failure)
    return data


def _encode(value: object) -> str:
    try:
        return _encoder.encode(value).decode()
    except (ValueError, TypeError, OverflowError, RecursionError) as error:  # such as a number of 100 digits
        raise FaultError("data", f"cannot be written as JSON: {error}") from None


def _check_text(key: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise FaultError(key, "has half a character in it, which is no text") from None
