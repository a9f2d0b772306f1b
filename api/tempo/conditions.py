"""Conditions of a TraceQL query, and whether a span fulfils them."""

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from api.tempo.fields import Field, Keyword, Value, Whole, values
from api.tempo.patterns import Pattern
from spans.planned import PlannedSpan

Operator = Literal["=", "!=", ">", ">=", "<", "<=", "=~", "!~"]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field against a value: durations are in ns, a value of None is `nil`. `pattern` is that of `=~` and `!~`."""

    field: Field
    operator: Operator
    value: Value | None
    pattern: Pattern | None = None

    def fits(self, span: PlannedSpan, whole: Whole) -> bool:
        """Whether one of the field's values fits; a span without the field only fits `= nil`."""
        return self.fits_values(values(self.field, span, whole))

    def fits_values(self, found: Sequence[Value]) -> bool:
        """Whether one of these values fits."""
        if self.value is None:
            return bool(found) == (self.operator == "!=")
        return any(self._fits_value(one) for one in found)

    def _fits_value(self, found: Value) -> bool:
        if self.pattern is not None:
            return isinstance(found, str) and self.pattern.matches(found) == (self.operator == "=~")
        return _kind(found) == _kind(self.value) and _COMPARE[self.operator](found, self.value)


@dataclass(frozen=True, slots=True)
class All:
    """All of them, so that none is fulfilled always."""

    parts: tuple["Condition", ...] = ()

    def fits(self, span: PlannedSpan, whole: Whole) -> bool:
        """Whether a span fulfils every part."""
        return all(part.fits(span, whole) for part in self.parts)


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of them at least, so that none is fulfilled never."""

    parts: tuple["Condition", ...] = ()

    def fits(self, span: PlannedSpan, whole: Whole) -> bool:
        """Whether a span fulfils a part."""
        return any(part.fits(span, whole) for part in self.parts)


Condition = Comparison | All | OneOf


def comparisons(condition: Condition) -> Iterator[Comparison]:
    """Every comparison in a condition, in order."""
    if isinstance(condition, Comparison):
        yield condition
    else:
        for part in condition.parts:
            yield from comparisons(part)


def required(condition: Condition) -> Iterator[Comparison]:
    """The comparisons that hold for every span which fulfils the condition."""
    if isinstance(condition, Comparison):
        yield condition
    elif isinstance(condition, All) or len(condition.parts) == 1:
        for part in condition.parts:
            yield from required(part)


def _kind(value: Value | None) -> object:
    if isinstance(value, bool):
        return bool
    if isinstance(value, int | float):
        return float
    return Keyword if isinstance(value, Keyword) else str
