"""The YAML form of machine documents: plain data only, with the line of every key and item."""

from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from machines.places import DEPTH_LIMIT, Path, UnreadableError

# libyaml is an order of magnitude faster, but not in every build of PyYAML.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Scalars(SafeConstructor, Resolver):
    """Scalars as python-statemachine's reader takes them: `on`, `off`, `yes` and `no` stay text."""

    yaml_implicit_resolvers = {  # noqa: RUF012  read by PyYAML under this name, never changed
        first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
        for first, resolvers in Resolver.yaml_implicit_resolvers.items()
    }

    def __init__(self) -> None:
        SafeConstructor.__init__(self)
        Resolver.__init__(self)

    def read(self, event: Any, line: int) -> object:
        """The value of a scalar event."""
        tag = event.tag
        resolve: Any = self.resolve  # ships no types
        if tag is None or tag == "!":
            tag = resolve(yaml.ScalarNode, event.value, event.implicit)
        node = yaml.ScalarNode(tag, event.value)
        try:
            return self.construct_object(node)
        except yaml.YAMLError:
            raise UnreadableError(line, f"the tag {tag} is not allowed: documents hold plain data only") from None
        except (ValueError, OverflowError, ArithmeticError) as error:
            raise UnreadableError(line, f"{event.value[:40]!r} cannot be read: {error}") from None


def read_yaml(text: str, first_line: int = 1) -> tuple[object, dict[Path, int]]:
    """The value of a YAML text and its lines, counted from `first_line`. Raises UnreadableError."""
    reader = _Reader(first_line)
    try:
        events = yaml.parse(text, Loader=_Loader)  # events, not nodes: nesting cannot exhaust the stack
        for event in events:
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + first_line if mark else None
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise UnreadableError(line, f"this is not YAML: {said}") from None
    except yaml.YAMLError as error:
        raise UnreadableError(None, f"this is not YAML: {str(error).splitlines()[0]}") from None
    return reader.root, reader.lines


class _Open:
    """A mapping or list that is being read."""

    __slots__ = ("key", "path", "value")

    def __init__(self, value: Any, path: Path) -> None:
        self.value = value
        self.path = path
        self.key: str | None = None


class _Reader:
    def __init__(self, first_line: int) -> None:
        self.root: object = None
        self.lines: dict[Path, int] = {(): first_line}
        self._first_line = first_line
        self._documents = 0
        self._open: list[_Open] = []
        self._scalars = _Scalars()

    def take(self, event: Any) -> None:
        line = event.start_mark.line + self._first_line
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise UnreadableError(
                        line, "a file holds one machine: put the next document into a file of its own"
                    )
            case yaml.AliasEvent():
                raise UnreadableError(line, "aliases are not allowed: write the part out")
            case yaml.ScalarEvent():
                self._refuse_anchor(event, line)
                self._scalar(self._scalars.read(event, line), line)
            case yaml.MappingStartEvent():
                self._begin({}, event, line)
            case yaml.SequenceStartEvent():
                self._begin([], event, line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._open.pop()
            case _:
                pass

    def _refuse_anchor(self, event: Any, line: int) -> None:
        if event.anchor is not None:
            raise UnreadableError(line, "anchors are not allowed: write the part out")

    def _begin(self, value: dict[str, object] | list[object], event: Any, line: int) -> None:
        self._refuse_anchor(event, line)
        if event.tag is not None and event.tag != "!":
            raise UnreadableError(line, f"the tag {event.tag} is not allowed: documents hold plain data only")
        if len(self._open) >= DEPTH_LIMIT:
            raise UnreadableError(line, f"nested deeper than {DEPTH_LIMIT} levels")
        if self._open and isinstance(self._open[-1].value, dict) and self._open[-1].key is None:
            raise UnreadableError(line, "a key must be text, not a mapping or list")
        self._open.append(_Open(value, self._put(value, line)))

    def _scalar(self, value: object, line: int) -> None:
        top = self._open[-1] if self._open else None
        if top is None or isinstance(top.value, list) or top.key is not None:
            self._put(value, line)
            return
        if not isinstance(value, str):
            raise UnreadableError(line, f"the key {value!r} is not text: put it in quotes")
        if value in top.value:
            raise UnreadableError(line, f"the key {value!r} occurs twice here")
        top.key = value
        self.lines[(*top.path, value)] = line

    def _put(self, value: object, line: int) -> Path:
        """Place a value where it belongs; its path."""
        if not self._open:
            self.root = value
            return ()
        top = self._open[-1]
        if isinstance(top.value, list):
            path = (*top.path, len(top.value))
            self.lines[path] = line
            top.value.append(value)
            return path
        assert top.key is not None
        path = (*top.path, top.key)
        top.value[top.key] = value
        top.key = None
        return path
