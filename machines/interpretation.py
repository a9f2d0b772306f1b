"""What JMESPath expressions may do: its own functions and three of ours, with every step counted."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from jmespath import functions
from jmespath.visitor import Options, TreeInterpreter

if TYPE_CHECKING:
    from jmespath.visitor import _TreeNode

STEP_LIMIT = 500_000  # what all expressions together may do with one document

_NESTED = (dict, list)
_SIZED = (str, list, dict)


class ExhaustedError(Exception):
    """The expressions have done more than they may with one document."""


class Scope:
    """What expressions can see beside the value that they look into, and how much they may still do.

    `document` is what `document()` gives inside `each`, `context` what `context()` gives.
    """

    __slots__ = ("_interpreter", "context", "document", "steps_left")

    def __init__(self, document: object, context: dict[str, object]) -> None:
        self.document = document
        self.context = context
        self.steps_left = STEP_LIMIT
        self._interpreter: Interpreter | None = None

    def spend(self, steps: int) -> None:
        """Count steps. Raises ExhaustedError when there were too many."""
        self.steps_left -= steps
        if self.steps_left < 0:
            raise ExhaustedError

    def spend_on(self, value: object) -> None:
        """Count everything inside a value that an expression has put together."""
        level = [value]
        while level:
            self.spend(len(level))
            lists = (item.values() if isinstance(item, dict) else item for item in level if isinstance(item, _NESTED))
            level = [inner for items in lists for inner in items if isinstance(inner, _NESTED)]

    def interpreter(self) -> "Interpreter":
        """The interpreter of what is more than a path, made at the first use."""
        if self._interpreter is None:
            self._interpreter = Interpreter(self)
        return self._interpreter


class Functions(functions.Functions):
    """JMESPath's own functions, none of which knows regular expressions, and three of ours."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def call_function(self, function_name: str, resolved_args: Iterable[Any]) -> Any:
        arguments = list(resolved_args)
        for argument in arguments:
            self._scope.spend(len(argument) if isinstance(argument, _SIZED) else 1)
        result = super().call_function(function_name, arguments)
        self._scope.spend(len(result) if isinstance(result, _SIZED) else 1)
        return result

    @functions.signature()
    def _func_document(self) -> object:
        return self._scope.document

    @functions.signature()
    def _func_context(self) -> object:
        return self._scope.context

    @functions.signature({"types": ["object"]})
    def _func_entries(self, value: dict[str, object]) -> list[dict[str, object]]:
        return [{"key": key, "value": inner} for key, inner in value.items()]


class Interpreter(TreeInterpreter):
    """JMESPath's interpreter, counting what it does: a few characters could otherwise double a document endlessly."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(Options(custom_functions=Functions(scope)))
        self._scope = scope

    def visit(self, node: "_TreeNode", *args: Any, **kwargs: Any) -> Any:
        self._scope.spend(1)
        return super().visit(node, *args, **kwargs)

    def visit_flatten(self, node: "_TreeNode", value: Any) -> Any:
        flat = super().visit_flatten(node, value)
        self._scope.spend(len(flat or ()))
        return flat

    def visit_comparator(self, node: "_TreeNode", value: Any) -> Any:
        operands = [self.visit(child, value) for child in node["children"]]
        for operand in operands:
            if isinstance(operand, _NESTED):
                self._scope.spend_on(operand)
        children: list[_TreeNode] = [{"type": "literal", "value": operand, "children": []} for operand in operands]
        return super().visit_comparator({"type": node["type"], "value": node["value"], "children": children}, value)

    def visit_multi_select_list(self, node: "_TreeNode", value: Any) -> list[Any] | None:
        made = super().visit_multi_select_list(node, value)
        self._scope.spend_on(made)
        return made

    def visit_multi_select_dict(self, node: "_TreeNode", value: Any) -> Any:
        made = super().visit_multi_select_dict(node, value)
        self._scope.spend_on(made)
        return made
