"""The syntax of regular expressions, as far as TraceQL queries need it: the common part of RE2 and Python."""

from collections.abc import Callable
from typing import Literal, NamedTuple

_DEEPEST = 50
_MOST_TIMES = 100
_SHORTHANDS: dict[str, Callable[[str], bool]] = {
    "d": lambda character: "0" <= character <= "9",
    "w": lambda character: character == "_" or (character.isascii() and character.isalnum()),
    "s": lambda character: character in " \t\n\r\f\v",
}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}

Test = Callable[[str], bool]


class PatternError(Exception):
    """A regular expression that is wrong, not supported, or too costly."""


class Piece(NamedTuple):
    """A part of an expression: one character (`test`), or parts in sequence, to choose from, or to repeat.

    `most` is None where a repetition has no end.
    """

    kind: Literal["character", "sequence", "choice", "repeat"]
    test: Test | None = None
    parts: tuple["Piece", ...] = ()
    least: int = 0
    most: int | None = None


def read_pattern(text: str) -> Piece:
    """The pieces of an expression; anchors at its ends are dropped, since whole texts are matched.

    Raises PatternError.
    """
    ignore_case = text.startswith("(?i)")
    body = text.removeprefix("(?i)")
    reading = _Reading(body, ignore_case)
    piece = reading.choice(0)
    if reading.at < len(body):
        raise reading.error("there is no group that ends here")
    return piece


class _Reading:
    def __init__(self, text: str, ignore_case: bool) -> None:
        self._text = text
        self._ignore_case = ignore_case
        self.at = 0

    def error(self, reason: str) -> PatternError:
        return PatternError(f"error parsing regexp at {self._text[self.at : self.at + 10]!r}: {reason}")

    def choice(self, depth: int) -> Piece:
        if depth > _DEEPEST:
            raise self.error("groups are nested too deeply")
        parts = [self._sequence(depth)]
        while self._take("|"):
            parts.append(self._sequence(depth))
        return parts[0] if len(parts) == 1 else Piece("choice", parts=tuple(parts))

    def _sequence(self, depth: int) -> Piece:
        parts: list[Piece] = []
        while self.at < len(self._text) and self._text[self.at] not in "|)":
            if self._anchor(depth):
                continue
            parts.append(self._repetition(self._atom(depth)))
        return Piece("sequence", parts=tuple(parts))

    def _anchor(self, depth: int) -> bool:
        """An anchor where the whole expression begins or ends, or an alternative of it, says nothing."""
        before, after = self._text[: self.at], self._text[self.at + 1 :]
        begins = not before.replace("(?:", "(").strip("(") or (depth == 0 and before.endswith("|"))
        ends = not after.strip(")") or (depth == 0 and after.startswith("|"))
        useless = (self._text[self.at] == "^" and begins) or (self._text[self.at] == "$" and ends)
        self.at += useless
        return useless

    def _atom(self, depth: int) -> Piece:
        character = self._text[self.at]
        if character in "*+?{":
            raise self.error("nothing to repeat")
        if character in "^$":
            raise self.error("an anchor is supported at the ends only")
        if self._take("("):
            if self._take("?") and not self._take(":"):
                raise self.error("groups with options are not supported")
            inner = self.choice(depth + 1)
            if not self._take(")"):
                raise self.error("a group does not end")
            return inner
        if self._take("["):
            return self._character(self._class())
        self.at += 1
        if character == ".":
            return self._character(lambda found: found != "\n")
        if character == "\\":
            return self._character(self._escape())
        return self._character(self._literal(character))

    def _character(self, test: Test) -> Piece:
        return Piece("character", test)

    def _literal(self, wanted: str) -> Test:
        if self._ignore_case:
            folded = wanted.casefold()
            return lambda found: found.casefold() == folded
        return lambda found: found == wanted

    def _escape(self) -> Test:
        if self.at == len(self._text):
            raise self.error("a backslash at the end")
        character = self._text[self.at]
        self.at += 1
        if character.lower() in _SHORTHANDS:
            shorthand = _SHORTHANDS[character.lower()]
            return shorthand if character.islower() else lambda found: not shorthand(found)
        if character in _CONTROLS:
            return self._literal(_CONTROLS[character])
        if character.isalnum():
            raise self.error(f"the escape \\{character} is not supported")
        return self._literal(character)

    def _class(self) -> Test:
        negated = self._take("^")
        tests: list[Test] = []
        first = True
        while first or not self._take("]"):
            first = False
            if self.at == len(self._text):
                raise self.error("a class does not end")
            tests.append(self._member())
        return lambda found: any(test(found) for test in tests) != negated

    def _member(self) -> Test:
        character = self._text[self.at]
        self.at += 1
        if character == "\\":
            return self._escape()
        if character == "[" and self._text.startswith(":", self.at):
            raise self.error("named classes are not supported")
        rest = self._text[self.at : self.at + 2]
        if len(rest) == 2 and rest[0] == "-" and rest[1] not in "]\\":
            self.at += 2
            if rest[1] < character:
                raise self.error("a range that ends before it begins")
            low, high = character, rest[1]
            if self._ignore_case:
                return lambda found: low <= found.lower() <= high or low <= found.upper() <= high
            return lambda found: low <= found <= high
        return self._literal(character)

    def _repetition(self, piece: Piece) -> Piece:
        limits = self._limits()
        if limits is None:
            return piece
        self._take("?")  # reluctant: the same for a whole text
        if self.at < len(self._text) and self._text[self.at] in "*+?{":
            raise self.error("a repetition of a repetition")
        return Piece("repeat", parts=(piece,), least=limits[0], most=limits[1])

    def _limits(self) -> tuple[int, int | None] | None:
        for sign, limits in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return limits
        if not self._take("{"):
            return None
        body, closed, _ = self._text[self.at :].partition("}")
        low, comma, high = body.partition(",")
        if not closed or not low.isdecimal() or not (high.isdecimal() or not high) or (high and not comma):
            raise self.error("a repetition is written {2}, {2,} or {2,5}")
        least, most = int(low), int(high) if high else None if comma else int(low)
        if max(least, most or 0) > _MOST_TIMES or (most is not None and most < least):
            raise self.error(f"a repetition counts up to {_MOST_TIMES}, the lower number first")
        self.at += len(body) + 1
        return least, most

    def _take(self, text: str) -> bool:
        if self._text.startswith(text, self.at):
            self.at += len(text)
            return True
        return False
