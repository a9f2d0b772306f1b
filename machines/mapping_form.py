"""Reading the rules of a mapping: from a section of a document to rules, and all that is wrong with them."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from machines.expression import Expression, ExpressionError
from machines.mapping_rule import Rule
from machines.places import Document, Path, describe_path
from machines.problems import Problem
from machines.reported_times import TIME_FORMATS, TimeFormat
from machines.schema import suggest
from machines.wording import Wording

_Compiled = TypeVar("_Compiled")

RULES_LIMIT = 200  # of one mapping

_TEXTS = ("type", "id", "subject", "machine", "source", "parent", "traceparent", "tracestate")
_EXPRESSIONS = ("each", "when", "time", "error")
_KEYS = frozenset((*_TEXTS, *_EXPRESSIONS, "time_format", "data"))


def read_rules(section: object, document: Document, path: Path) -> tuple[list[Rule], list[Problem]]:
    """The sound rules of a section, and everything that is wrong with it, each with its line. Raises nothing."""
    if not isinstance(section, list) or not section:
        return [], [document.problem(path, f"{describe_path(path)} must be a list of rules, at least one")]
    if len(section) > RULES_LIMIT:
        return [], [document.problem(path, f"{describe_path(path)} has {len(section)} rules: at most {RULES_LIMIT}")]
    problems: list[Problem] = []
    rules: list[Rule] = []
    each, block = object(), -1
    for index, facts in enumerate(section):
        reader = _Reader(document, (*path, index))
        if not isinstance(facts, dict):
            reader.complain((), "must be a mapping of keys such as type, when and time")
        else:
            if facts.get("each") is None or facts["each"] != each:
                each, block = facts.get("each"), index
            rules.append(reader.read(facts, block))
        problems += reader.problems
    return ([] if problems else rules), problems


class _Reader:
    """Reads one rule."""

    def __init__(self, document: Document, path: Path) -> None:
        self._document, self._path = document, path
        self.problems: list[Problem] = []

    def complain(self, key: Path, reason: str) -> None:
        """Note a problem with a key of the rule, or with the rule itself."""
        self.problems.append(
            self._document.problem((*self._path, *key), f"{describe_path((*self._path, *key))} {reason}")
        )

    def read(self, facts: Mapping[str, Any], block: int) -> Rule:
        """The rule; it may be used only where there are no problems."""
        for key in facts:
            if key not in _KEYS:
                self.complain((key,), f"is not known{suggest(key, _KEYS)}")
        if "type" not in facts:
            self.complain((), "has no 'type'")
        texts = {key: self._compile(Wording, facts[key], (key,)) for key in _TEXTS if key in facts}
        found = {key: self._compile(Expression, facts[key], (key,)) for key in _EXPRESSIONS if key in facts}
        return Rule(
            name=f"{describe_path(self._path)} ({facts.get('type')})",
            block=block,
            each=found.get("each"),
            when=found.get("when"),
            texts={key: wording for key, wording in texts.items() if wording is not None},
            time=found.get("time"),
            time_format=self._time_format(facts),
            data=self._data(facts.get("data")),
            error=found.get("error"),
        )

    def _compile(self, form: Callable[[str], _Compiled], text: object, key: Path) -> _Compiled | None:
        if not isinstance(text, str) or not text:
            self.complain(key, "must be text, in quotes where YAML takes it for something else")
            return None
        try:
            return form(text)
        except ExpressionError as error:
            self.complain(key, f"cannot be used: {error}")
            return None

    def _time_format(self, facts: Mapping[str, Any]) -> TimeFormat:
        wanted = facts.get("time_format", "rfc3339")
        for known in TIME_FORMATS:
            if wanted == known:
                if "time" not in facts and "time_format" in facts:
                    self.complain(("time_format",), "needs a 'time' beside it")
                return known
        self.complain(("time_format",), f"must be one of {', '.join(TIME_FORMATS)}")
        return "rfc3339"

    def _data(self, section: object) -> Expression | dict[str, Expression | int | float] | None:
        if section is None or isinstance(section, str):
            return None if section is None else self._compile(Expression, section, ("data",))
        if not isinstance(section, dict):
            self.complain(("data",), "must be expressions by name, or one expression that finds an object")
            return None
        data: dict[str, Expression | int | float] = {}
        for name, value in section.items():
            if isinstance(value, bool | int | float):
                data[name] = value
            elif (expression := self._compile(Expression, value, ("data", name))) is not None:
                data[name] = expression
        return data
