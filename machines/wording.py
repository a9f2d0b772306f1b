"""Texts with expressions in braces, such as `com.example.{action}`: how mappings write types, ids and subjects."""

from machines.expression import Expression, ExpressionError, shorten
from machines.interpretation import Scope

LENGTH_LIMIT = 4_000  # characters of one text with all its expressions

_QUOTES = "'\"`"
_BITS_LIMIT = 256  # of a whole number: Python takes very long to write long ones, and then refuses


class Wording:
    """A text, some parts of which are found in a document. Raises ExpressionError where it is none.

    What stands in braces is a JMESPath expression; all else stands for itself. A brace itself is written `{'{'}`.
    """

    __slots__ = ("_parts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > LENGTH_LIMIT:
            raise ExpressionError(text, f"is longer than {LENGTH_LIMIT} characters")
        self._parts = _split(text)

    def write(self, value: object, scope: Scope) -> str:
        """The text with what its expressions find in a value. Raises ExpressionError where that is no text."""
        return "".join(part if isinstance(part, str) else _say(part, part.find(value, scope)) for part in self._parts)


def _split(text: str) -> list[str | Expression]:
    parts: list[str | Expression] = []
    position = 0
    while position < len(text):
        opening = text.find("{", position)
        plain = text[position:] if opening < 0 else text[position:opening]
        if "}" in plain:
            raise ExpressionError(text, "has a '}' that closes nothing: write {'}'} for the character")
        if plain:
            parts.append(plain)
        if opening < 0:
            break
        closing = _closing(text, opening)
        parts.append(Expression(text[opening + 1 : closing]))
        position = closing + 1
    return parts


def _closing(text: str, opening: int) -> int:
    depth, quote, position = 0, "", opening
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1
        elif quote:
            quote = "" if character == quote else quote
        elif character in _QUOTES:
            quote = character
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if not depth:
                return position
        position += 1
    raise ExpressionError(text, "has a '{' that is not closed: write {'{'} for the character")


def _say(expression: Expression, found: object) -> str:
    match found:
        case str():
            return found
        case bool():
            return str(found).lower()
        case float() if found.is_integer() and abs(found) < 2**53:
            return str(int(found))
        case float():
            return str(found)
        case int() if found.bit_length() <= _BITS_LIMIT:
            return str(found)
    raise ExpressionError(expression.text, f"gave {describe(found)}, where a text or number is needed")


def describe(value: object) -> str:
    """What was found, for a person."""
    match value:
        case None:
            return "nothing"
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return f"the text {shorten(value, 60)!r}"
        case bool():
            return str(value).lower()
        case int() if value.bit_length() > _BITS_LIMIT:
            return "a number with too many digits"
    return f"the number {value}"
