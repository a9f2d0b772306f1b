"""Paging: where the next page of a collection is, as an answer says."""

from collections.abc import Mapping as Facts
from contextlib import suppress
from dataclasses import dataclass

from machines.expression import Expression, ExpressionError, shorten, truth
from machines.interpretation import Scope
from machines.mapping import Mapping
from machines.mapping_rule import FaultError, find_items
from machines.places import Document, Path
from machines.problems import Problem
from machines.wording import describe

PAGES = 10  # of one poll, where the document says nothing

_BITS_LIMIT = 64  # of a number among the parameters


@dataclass(frozen=True, slots=True)
class Paging:
    """What finds the next page: an expression for its URL, or one for each parameter of the query. `most` pages are
    read of one poll."""

    reference: Expression | None
    parameters: Facts[str, Expression]
    most: int

    def find(self, document: object, context: dict[str, object]) -> str | dict[str, str] | None:
        """The URL of the page that follows, perhaps a relative one, or parameters with their values; None where there
        is none, since an expression finds nothing, false or what is empty. Raises FaultError."""
        scope = Scope(document, context)
        if self.reference is not None:
            found = _find("next", self.reference, document, scope)
            if found is not None and not isinstance(found, str):
                raise FaultError("next", f"{shorten(self.reference.text)!r} gave {describe(found)}, not a URL")
            return found
        values = {}
        for name, expression in self.parameters.items():
            found = _find(f"next.{name}", expression, document, scope)
            if found is None:
                return None
            if not isinstance(found, str) and not _is_short(found):
                reason = f"{shorten(expression.text)!r} gave {describe(found)}, where a text or whole number is needed"
                raise FaultError(f"next.{name}", reason)
            values[name] = str(found)
        return values


def count_items(mapping: Mapping, document: object, context: dict[str, object]) -> int:
    """How many items of a document the rules are applied to, at most; 0 where that cannot be found."""
    scope, most = Scope(document, context), 0
    for rule in {rule.each.text: rule for rule in mapping.rules if rule.each is not None}.values():
        with suppress(FaultError):  # told as what the mapping itself could not do
            most = max(most, len(find_items(rule, document, scope)))
    return most


def read_paging(facts: Facts[str, object]) -> Paging | None:
    """The paging of checked facts of a `list`; None where it has only one page."""
    following = facts.get("next")
    most = facts.get("pages", PAGES)
    assert isinstance(most, int)
    if isinstance(following, str):
        return Paging(Expression(following), {}, most)
    if isinstance(following, dict):
        return Paging(None, {name: Expression(text) for name, text in following.items()}, most)
    return None


def check_paging(document: Document, path: Path, facts: Facts[str, object]) -> list[Problem]:
    """What is wrong with `next` and `pages` of a `list`, whose shape is right."""
    following = facts.get("next")
    if following is None:
        alone = "pages" in facts
        return [document.problem((*path, "pages"), "pages needs `next`: where the next page is")] if alone else []
    texts = {(): following} if isinstance(following, str) else {(name,): text for name, text in _items(following)}
    problems = []
    for key, text in texts.items():
        try:
            Expression(str(text))
        except ExpressionError as error:
            problems.append(document.problem((*path, "next", *key), str(error)))
    return problems


def _is_short(found: object) -> bool:
    """Whether it is a whole number that can be written."""
    return isinstance(found, int) and not isinstance(found, bool) and found.bit_length() <= _BITS_LIMIT


def _items(value: object) -> list[tuple[str, object]]:
    return list(value.items()) if isinstance(value, dict) else []


def _find(key: str, expression: Expression, document: object, scope: Scope) -> object:
    """What an expression finds, None where JMESPath takes that for nothing. Raises FaultError."""
    try:
        found = expression.find(document, scope)
    except ExpressionError as error:
        raise FaultError(key, str(error)) from None
    return found if truth(found) else None
