"""What is wrong with machine documents: every problem of a whole load, each with its place."""

from collections.abc import Iterable
from dataclasses import dataclass

from machines.errors import MachinesError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `origin` is a file or `module:Class`; `line` counts from 1, None where there is none."""

    origin: str
    line: int | None
    reason: str

    @property
    def place(self) -> str:
        """The origin, with the line where there is one."""
        return self.origin if self.line is None else f"{self.origin}:{self.line}"

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


class MachineDocumentError(MachinesError):
    """Machine documents that cannot be used. The text has one line a problem, in the order of files and lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class WebhookDocumentError(MachineDocumentError):
    """Webhooks that cannot be used, told in the same way."""


class CatalogError(MachinesError):
    """Two machines with the same name and version."""

    def __init__(self, name: str, version: int, origins: tuple[str, str]) -> None:
        self.name, self.version, self.origins = name, version, origins
        super().__init__(f"machine {name} version {version} is defined twice: in {origins[0]} and in {origins[1]}")
