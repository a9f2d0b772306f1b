"""The JSON form of machine documents, with the line of every key and item."""

import json
import re

from machines.places import DEPTH_LIMIT, Path, UnreadableError

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def read_json(text: str) -> tuple[object, dict[Path, int]]:
    """The value of a JSON text and its lines. Raises UnreadableError."""
    lines = _find_lines(text)  # first: it is not recursive, so it can refuse what is nested too deep for the decoder
    try:
        return json.loads(text, parse_constant=_refuse_constant), lines
    except json.JSONDecodeError as error:
        raise UnreadableError(error.lineno, f"this is not JSON: {error.msg}") from None
    except ValueError as error:
        raise UnreadableError(None, f"this is not JSON: {error}") from None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")


class _Open:
    __slots__ = ("index", "key", "keys", "path")

    def __init__(self, path: Path, *, is_list: bool) -> None:
        self.path = path
        self.index = 0 if is_list else None
        self.key: str | None = None
        self.keys: set[str] = set()

    def step(self) -> Path:
        """The path of the value that comes next."""
        return (*self.path, self.index if self.index is not None else self.key or "")


def _find_lines(text: str) -> dict[Path, int]:
    """Lines by path. What is not JSON goes by unnoticed here: the decoder says it better."""
    lines: dict[Path, int] = {(): 1}
    stack: list[_Open] = []
    line, position = 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", position, match.start())
        position = match.start()
        mark = match.group()
        top = stack[-1] if stack else None
        if top is not None and top.index is not None and mark not in "],:":
            lines.setdefault(top.step(), line)
        if mark in "{[":
            if len(stack) >= DEPTH_LIMIT:
                raise UnreadableError(line, f"nested deeper than {DEPTH_LIMIT} levels")
            stack.append(_Open(top.step() if top else (), is_list=mark == "["))
        elif mark in "}]":
            if stack:
                stack.pop()
        elif top is None or mark == ":":
            continue
        elif mark == ",":
            top.key = None
            if top.index is not None:
                top.index += 1
        elif top.index is None and top.key is None:
            _note_key(top, mark, lines, line)
    return lines


def _note_key(top: _Open, mark: str, lines: dict[Path, int], line: int) -> None:
    try:
        key = json.loads(mark)
    except ValueError:
        return
    if not isinstance(key, str):
        return
    if key in top.keys:
        raise UnreadableError(line, f"the key {key!r} occurs twice here")
    top.keys.add(key)
    top.key = key
    lines[top.step()] = line
