"""TraceQL queries as Grafana's search form writes them: one spanset with conditions, and `select(...)`."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple, cast

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from api.tempo.conditions import All, Comparison, Condition, OneOf, Operator
from api.tempo.errors import TempoError, TraceQLError
from api.tempo.fields import INTRINSICS, KIND, STATUSES, Field, Keyword, Scope, Value, canonical
from api.tempo.patterns import Budget, Pattern, PatternError

LONGEST = 8_192  # characters of a query
_DEEPEST = 50
_GRAMMAR = Path(__file__).with_name("traceql.lark")
_UNITS_NS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3_600 * 10**9}
_PART = re.compile(r'"((?:\\.|[^"\\])*)"|([^"]+)', re.DOTALL)
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_KEYWORDS = {
    "span:status": (*STATUSES,),
    "span:kind": (KIND, "server", "client", "producer", "consumer", "unspecified"),
}
_ONLY = "Longspan understands one spanset in braces, and select()"


class TraceQuery(NamedTuple):
    """What spans have to fulfil, and which of their fields are asked for beside those of the condition."""

    condition: Condition
    select: tuple[Field, ...] = ()


def parse_query(text: str) -> TraceQuery:
    """A query. Raises TraceQLError for one that is wrong, or more than Longspan understands."""
    if len(text) > LONGEST:
        raise TempoError(400, f"invalid TraceQL query: it is longer than {LONGEST} characters")
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        raise _explain(error, text) from None
    budget = Budget()
    parts = [part for part in tree.children if isinstance(part, Tree)]
    condition: Condition = All()
    if parts and parts[0].data == "any":
        condition = _read_any(parts.pop(0), budget, 0)
    return TraceQuery(condition, tuple(_read_field(part) for part in parts))


def parse_duration(text: str) -> int:
    """Nanoseconds of a duration such as `1.5s` or `1h30m`. Raises ValueError."""
    parts = _SPAN.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        raise ValueError(text)
    return sum(round(float(number) * _UNITS_NS[unit]) for number, unit in parts)


def parse_field(text: str) -> Field:
    """A field as it stands in a path: `span.workflow.id`, `.workflow.id`, `status`. Raises TempoError."""
    try:
        (field,) = parse_query(f"{{}} | select({text})").select
    except (TraceQLError, ValueError):
        raise TempoError(400, f"please provide a valid tag name: {text[:100]!r} is none") from None
    return field


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR.read_text(), parser="lalr", start="query", maybe_placeholders=False)


def _read_any(tree: Tree[Token], budget: Budget, depth: int) -> Condition:
    if depth > _DEEPEST:
        raise TempoError(400, f"invalid TraceQL query: conditions are nested more than {_DEEPEST} deep")
    alternatives = [
        _together([_read(part, budget, depth) for part in cast(list[Tree[Token]], group.children)])
        for group in cast(list[Tree[Token]], tree.children)
    ]
    return alternatives[0] if len(alternatives) == 1 else OneOf(tuple(alternatives))


def _together(parts: list[Condition]) -> Condition:
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _read(tree: Tree[Token], budget: Budget, depth: int) -> Condition:
    if tree.data == "any":
        return _read_any(tree, budget, depth + 1)
    if tree.data == "truth":
        return All() if tree.children[0] == "true" else OneOf()
    field_tree, sign, value_token = cast(tuple[Tree[Token], Token, Token], tree.children)
    field, comparing = _read_field(field_tree), cast(Operator, str(sign))
    value = _read_value(value_token, field)
    if comparing in ("=~", "!~"):
        if value_token.type != "STRING":
            raise _error(value_token, f"{comparing} needs a regular expression in quotes")
        try:
            return Comparison(field, comparing, value, Pattern(str(value), budget))
        except PatternError as error:
            raise _error(value_token, str(error)) from None
    if comparing not in ("=", "!=") and (value is None or isinstance(value, bool | Keyword)):
        raise _error(sign, f"illegal operation: {comparing} with {value_token}")
    return Comparison(field, comparing, value)


def _read_field(tree: Tree[Token]) -> Field:
    word = cast(Token, tree.children[0])
    if word.type == "NAME":
        if word not in INTRINSICS:
            raise _error(word, f"unknown identifier: {word}")
        return Field("intrinsic", str(word))
    scope, _, quoted = word.partition(".")
    name = "".join(plain or _unquote(inside) for inside, plain in _PART.findall(quoted))
    return Field(cast(Scope, scope), name)


def _read_value(word: Token, field: Field) -> Value | None:
    try:
        return _convert(word, field)
    except (ValueError, OverflowError):
        raise _error(word, "the number is out of range") from None


def _convert(word: Token, field: Field) -> Value | None:
    if word.type == "STRING":
        return str(word[1:-1]) if word[0] == "`" else _unquote(word[1:-1])
    if word.type == "DURATION":
        return -parse_duration(word[1:]) if word[0] == "-" else parse_duration(word)
    if word.type == "NUMBER":
        return int(word) if word.lstrip("-").isdecimal() else float(word)
    if word.type == "TRUTH":
        return str(word) == "true"
    if word == "nil":
        return None
    known = _KEYWORDS.get(canonical(field.name), ()) if field.scope == "intrinsic" else ()
    if word not in known:
        raise _error(word, f"unknown identifier: {word}")
    return Keyword(word)


def _unquote(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        escaped = match[1]
        if len(escaped) > 1:
            return chr(int(escaped[1:], 16))
        return _ESCAPES.get(escaped, escaped)

    return _ESCAPE.sub(replace, text)


def _error(token: Token, reason: str) -> TraceQLError:
    return TraceQLError(token.line or 1, token.column or 1, reason)


def _explain(error: UnexpectedInput, text: str) -> TraceQLError:
    if isinstance(error, UnexpectedToken):
        read = error.interactive_parser.parser_state.value_stack
        before = read[-1] if read else None
        if isinstance(before, Token) and before.type == "NAME" and before not in INTRINSICS:
            return _error(before, f"unknown identifier: {before}")
        if error.token.type == "$END":
            lines = text.split("\n")
            return TraceQLError(len(lines), len(lines[-1]) + 1, "syntax error: unexpected $end")
        return TraceQLError(error.line, error.column, f"syntax error: unexpected {error.token}: {_ONLY}")
    assert isinstance(error, UnexpectedCharacters)
    found = text[error.pos_in_stream or 0]
    return TraceQLError(error.line, error.column, f"syntax error: unexpected {found}: {_ONLY}")
