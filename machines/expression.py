"""Expressions that look into JSON documents: JMESPath, checked when they are loaded and bounded when they are used."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jmespath.exceptions import ArityError, JMESPathError, LexerError, ParseError
from jmespath.parser import Parser

from machines.errors import MachinesError
from machines.interpretation import STEP_LIMIT, ExhaustedError, Functions, Scope
from machines.schema import suggest

if TYPE_CHECKING:
    from jmespath.visitor import _TreeNode

LENGTH_LIMIT = 1_000  # characters of one expression
DEPTH_LIMIT = 60  # expressions inside each other

# What the library lets out on values that it did not expect, such as text compared with a number.
_FAILURES = (JMESPathError, TypeError, ArithmeticError, LookupError, ValueError, AttributeError)


class ExpressionError(MachinesError):
    """An expression that cannot be used: its `text`, and the `reason`."""

    def __init__(self, text: str, reason: str) -> None:
        self.text, self.reason = text, reason
        super().__init__(f"the expression {shorten(text)!r} {reason}")


class Expression:
    """One JMESPath expression. Raises ExpressionError where the text is none."""

    __slots__ = ("_path", "_root", "_tree", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._tree = _parse(text)
        # Most expressions are paths such as `run.started_at`: those need no interpreter.
        self._root, self._path = _as_path(self._tree)

    def find(self, value: object, scope: Scope) -> object:
        """What the expression finds in a value; None where there is nothing. Raises ExpressionError."""
        if self._path is not None:
            if self._root is not None:
                value = scope.document if self._root == "document" else scope.context
            for step in self._path:
                value = _step(value, step)
                if value is None:
                    return None
            return value
        try:
            found: object = scope.interpreter().visit(self._tree, value)
        except ExhaustedError:
            raise ExpressionError(self.text, f"needs more than the {STEP_LIMIT} steps that a document may") from None
        except RecursionError:
            raise ExpressionError(self.text, "works on values that are nested too deeply") from None
        except _FAILURES as error:
            raise ExpressionError(self.text, f"failed: {shorten(_reason(error), 200)}") from None
        return found


def truth(value: object) -> bool:
    """Whether JMESPath takes a value for true: nothing, false, and what is empty are false, 0 is true."""
    return not (value is None or value is False or value in ("", [], {}))


def shorten(text: str, limit: int = 80) -> str:
    """A text of one line and at most this many characters."""
    line = " ".join(text.split()) if len(text) < 10 * limit else " ".join(text[: 10 * limit].split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def _step(value: object, step: str | int) -> object:
    if isinstance(step, str):
        return value.get(step) if isinstance(value, dict) else None
    if not isinstance(value, list) or not -len(value) <= step < len(value):
        return None
    return value[step]


def _parse(text: str) -> "_TreeNode":
    if len(text) > LENGTH_LIMIT:
        raise ExpressionError(text, f"is longer than {LENGTH_LIMIT} characters")
    try:
        tree = Parser().parse(text).parsed
    except RecursionError:
        raise ExpressionError(text, f"is nested deeper than {DEPTH_LIMIT} levels") from None
    except _FAILURES as error:
        raise ExpressionError(text, f"is not JMESPath: {_reason(error)}") from None
    _check(text, tree)
    return tree


def _check(text: str, tree: "_TreeNode") -> None:
    level: list[Any] = [tree]
    depth = 0
    while level:
        depth += 1
        if depth > DEPTH_LIMIT:
            raise ExpressionError(text, f"is nested deeper than {DEPTH_LIMIT} levels")
        for node in level:
            if node["type"] == "function_expression":
                _check_call(text, node)
            if node["type"] == "slice" and node["children"][2] == 0:
                raise ExpressionError(text, "has a slice with steps of 0")
        level = [child for node in level for child in node["children"] if isinstance(child, dict)]


def _check_call(text: str, node: "_TreeNode") -> None:
    known: Mapping[str, Any] = Functions.FUNCTION_TABLE
    name, given = node["value"], len(node["children"])
    if name not in known:
        raise ExpressionError(text, f"calls {name}(), which is no function{suggest(name, known)}")
    wanted = known[name]["signature"]
    variadic = bool(wanted and wanted[-1].get("variadic"))
    if given < len(wanted) or (given > len(wanted) and not variadic):
        least = "at least " if variadic else ""
        raise ExpressionError(text, f"gives {name}() {given} arguments, which takes {least}{len(wanted)}")


def _reason(error: Exception) -> str:
    match error:
        case LexerError():
            return f"{error.message} at character {error.lexer_position + 1}"
        case ArityError():
            return str(error)
        case ParseError() if error.token_value in (None, ""):
            return "it ends too early"
        case ParseError():
            return f"{error.token_value!r} is not expected at character {error.lex_position + 1}"
    return str(error) or type(error).__name__


def _as_path(tree: "_TreeNode") -> tuple[str | None, tuple[str | int, ...] | None]:
    """The root of a path (`document`, `context`, or None for the value itself) and its steps: None where it is none."""
    kind = tree["type"]
    if kind in ("current", "identity"):
        return None, ()
    if kind in ("field", "index"):
        return None, (tree["value"],)
    if kind == "function_expression" and tree["value"] in ("document", "context"):
        return tree["value"], ()
    if kind in ("subexpression", "index_expression"):
        parts = [_as_path(child) for child in tree["children"]]
        if all(path is not None and (root is None or index == 0) for index, (root, path) in enumerate(parts)):
            return parts[0][0], tuple(step for _, path in parts for step in path or ())
    return None, None
