"""Guards and actions of a chart: only what gives the same result for the same events, now and years later."""

import ast
from collections.abc import Callable, Iterable, Iterator

from statemachine.exceptions import InvalidDefinition
from statemachine.io.evaluators import evaluator_for, normalize_cond
from statemachine.io.model import (
    Action,
    AssignAction,
    CancelAction,
    DataModel,
    ExecutableContent,
    ForeachAction,
    IfAction,
    LogAction,
    RaiseAction,
    ScriptAction,
    SendAction,
    State,
    StateMachineDefinition,
    Transition,
)

from machines.names import event_name_fault, variable_name_fault
from machines.schema import suggest

EXPRESSION_LIMIT = 1_000  # characters

_SYSTEM_NAMES = frozenset(("_event", "_name"))
_EVENT_FIELDS = frozenset(("name", "data", "type", "origintype", "sendid", "invokeid", "origin"))
_REFUSED = {
    ScriptAction: "script runs code: use assign, if and foreach",
    LogAction: "log writes to the terminal of a worker: spans and `longspan status` show what happened",
    CancelAction: "cancel is for delayed sends, which are not allowed: use deadlines",
}

Complain = Callable[[str], None]


class Purity:
    """The check of one chart: what its expressions may name."""

    def __init__(
        self, definition: StateMachineDefinition, attributes: frozenset[str], state_ids: frozenset[str]
    ) -> None:
        self._attributes = attributes
        self._state_ids = state_ids
        self._variables = {item.id for item in definition.datamodel.data} if definition.datamodel else set()
        for holder in _walk(definition.states.values()):
            for content in holder.onentry + holder.onexit + _contents(holder.transitions):
                self._variables |= set(_loop_variables(content))

    def check_variables(self, datamodel: DataModel, complain: Complain) -> None:
        """The variables of the chart."""
        for item in datamodel.data:
            fault = variable_name_fault(item.id)
            if fault:
                complain(fault)
            if item.src is not None:
                complain(f"variable {item.id}: src reads a file: write the value")
            elif item.expr:
                self.check_expression(item.expr, complain)
        if datamodel.scripts:
            complain(_REFUSED[ScriptAction])

    def check_state(self, state: State, complain: Complain) -> None:
        """Entry and exit actions of a state."""
        for key, contents, references in (
            ("enter", state.onentry, state.enter_refs),
            ("exit", state.onexit, state.exit_refs),
        ):
            self._check_references(key, references, complain)
            for content in contents:
                self._check_content(content, complain)
        if state.invocations:
            complain("invoke starts another process: let its events come in, or make it a workflow with `parent`")
        if state.donedata:
            expressions = [state.donedata.content_expr, *(p.expr or p.location for p in state.donedata.params)]
            self._check_all(expressions, complain)

    def check_transition(self, transition: Transition, complain: Complain) -> None:
        """Guards and actions of a transition."""
        for guard in (transition.cond, transition.unless):
            for expression in guard if isinstance(guard, list) else [guard]:
                if expression is not None:
                    self.check_guard(expression, complain)
        for key, content, references in (
            ("on", transition.on, transition.on_refs),
            ("before", transition.before, transition.before_refs),
            ("after", transition.after, transition.after_refs),
        ):
            self._check_references(key, references, complain)
            if content:
                self._check_content(content, complain)

    def check_guard(self, expression: str, complain: Complain) -> None:
        """A guard: its grammar and the names in it."""
        self._check(normalize_cond(expression).strip(), complain, evaluator_for(False).compile_bool)

    def check_expression(self, expression: str, complain: Complain) -> None:
        """An expression that gives a value."""
        self._check(expression, complain, evaluator_for(False).compile_value)

    def _check(self, expression: str, complain: Complain, compile_it: Callable[[str], object]) -> None:
        if len(expression) > EXPRESSION_LIMIT:
            complain(f"an expression may have {EXPRESSION_LIMIT} characters, this one has {len(expression)}")
            return
        try:
            compile_it(expression)
            tree = ast.parse(expression, mode="eval")
        except InvalidDefinition as error:
            complain(f"{expression!r} is not an expression that charts may have ({error.__cause__})")
            return
        except Exception as error:  # ast raises what it likes on rubbish: SyntaxError, ValueError, MemoryError, ...
            complain(f"{expression!r} cannot be read: {type(error).__name__}: {error}")
            return
        for fault in self._name_faults(tree):
            complain(f"{expression!r}: {fault}")

    def _name_faults(self, tree: ast.Expression) -> Iterator[str]:
        called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                for argument in node.args:
                    name = argument.value if isinstance(argument, ast.Constant) else None
                    if name not in self._state_ids:
                        yield f"In({ast.unparse(argument)}) names no state"
            elif isinstance(node, ast.Name) and node not in called:
                known = {"data", "attributes", *_SYSTEM_NAMES, *self._variables}
                if node.id in ("_sessionid", "_ioprocessors"):
                    yield f"{node.id} differs from worker to worker"
                elif node.id not in known:
                    yield f"{node.id} is not known; there are data, attributes, _event and the datamodel" + suggest(
                        node.id, known
                    )
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id == "attributes" and node.attr not in self._attributes:
                    yield f"attributes.{node.attr} is not among the machine's attributes" + suggest(
                        node.attr, self._attributes
                    )
                elif node.value.id == "_event" and node.attr not in _EVENT_FIELDS:
                    yield f"_event has no {node.attr}" + suggest(node.attr, _EVENT_FIELDS)

    def _check_all(self, expressions: list[str | None], complain: Complain) -> None:
        for expression in expressions:
            if expression is not None:
                self.check_expression(expression, complain)

    def _check_references(self, key: str, references: list[object], complain: Complain) -> None:
        for reference in references:
            complain(f"{key} names the callback {reference!r}, which only the Python form can have: write an action")

    def _check_content(self, content: ExecutableContent, complain: Complain) -> None:
        for action in _walk_actions(content.actions):
            self._check_action(action, complain)

    def _check_action(self, action: Action, complain: Complain) -> None:
        match action:
            case ScriptAction() | LogAction() | CancelAction():
                complain(_REFUSED[type(action)])
            case AssignAction():
                self._check_assign(action, complain)
            case SendAction():
                self._check_send(action, complain)
            case RaiseAction():
                fault = event_name_fault(action.event)
                if fault:
                    complain(fault)
            case IfAction():
                for branch in action.branches:
                    if branch.cond is not None:
                        self.check_guard(branch.cond, complain)
            case ForeachAction():
                self.check_expression(action.array, complain)
                for name in (action.item, action.index):
                    fault = variable_name_fault(name) if name else None
                    if fault:
                        complain(fault)

    def _check_assign(self, action: AssignAction, complain: Complain) -> None:
        variable = action.location.partition(".")[0]
        if variable not in self._variables:
            complain(f"assign: {variable!r} is not in the datamodel" + suggest(variable, self._variables))
        if action.expr is None and action.child_xml is None:
            complain(f"assign: {action.location} gets no value: expr is missing")
        self._check_all([action.expr], complain)

    def _check_send(self, action: SendAction, complain: Complain) -> None:
        if action.delay or action.delayexpr:
            complain("send with a delay lives in one worker's memory: use deadlines")
        if action.idlocation or action.id:
            complain("send cannot have an id: nothing can be cancelled")
        if action.target not in (None, "", "#_internal", "internal") or action.type:
            complain("send reaches this chart only: leave target and type out")
        fault = event_name_fault(action.event) if action.event else None
        if fault:
            complain(fault)
        if not action.event and not action.eventexpr:
            complain("send names no event")
        self._check_all([action.eventexpr, *(p.expr for p in action.params)], complain)
        for name in (action.namelist or "").split():
            self.check_expression(name, complain)


def _contents(transitions: list[Transition]) -> list[ExecutableContent]:
    return [content for t in transitions for content in (t.on, t.before, t.after) if content]


def _walk(states: Iterable[State]) -> Iterator[State]:
    pending = list(states)
    while pending:
        state = pending.pop()
        yield state
        pending += state.states.values()


def _walk_actions(actions: list[Action]) -> Iterator[Action]:
    for action in actions:
        yield action
        match action:
            case IfAction():
                for branch in action.branches:
                    yield from _walk_actions(branch.actions)
            case ForeachAction():
                yield from _walk_actions(action.content.actions)
            case _:
                pass


def _loop_variables(content: ExecutableContent) -> Iterator[str]:
    for action in _walk_actions(content.actions):
        if isinstance(action, ForeachAction):
            yield action.item
            if action.index:
                yield action.index
