"""Places in a document: the line of each key and item, whatever the document's form."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from machines.problems import Problem

SIZE_LIMIT = 1024 * 1024  # bytes of one document
DEPTH_LIMIT = 64  # levels of nesting: deeper is no chart that a person wrote

Step = str | int
Path = tuple[Step, ...]


@dataclass(slots=True)
class Document:
    """What a document says: `facts` as it was read, and the line of each path in it (`("deadlines", "processor")`).

    The paths of an SCXML document are those that the same chart would have in YAML.
    """

    origin: str
    facts: dict[str, object] = field(default_factory=dict)
    lines: Mapping[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int | None:
        """The line of a path, or of the nearest place around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)

    def problem(self, path: Path, reason: str) -> Problem:
        """A problem at a path of this document."""
        return Problem(self.origin, self.line(path), reason)


class UnreadableError(Exception):
    """A text that is no document of its form. `line` counts from 1."""

    def __init__(self, line: int | None, reason: str) -> None:
        self.line, self.reason = line, reason
        super().__init__(reason)


def describe_path(path: Path) -> str:
    """A path as people write it: `chart.states.paying.transitions[0]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
