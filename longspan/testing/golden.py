"""Golden files: what results have to look like, kept beside the tests as text that is reviewed like code."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from longspan.testing.result import Result
from longspan.testing.tree_text import differing_lines, result_text

FOLDER = "golden"


class GoldenError(AssertionError):
    """A result that is not what its golden file says; shown without a traceback into this package."""


@dataclass(slots=True)
class Goldens:
    """The golden files of a test run. With `update` they are written anew; `asked` are those that tests asked for."""

    update: bool
    asked: set[Path] = field(default_factory=set)
    written: dict[Path, tuple[str, str]] = field(default_factory=dict)

    def check(self, test: str, directory: Path, result: Result, name: str, ids: bool) -> None:
        """Compare a result with a file of the directory of the test. Raises GoldenError, ValueError for a bad name."""
        __tracebackhide__ = True
        if not name or Path(name).name != name:
            raise ValueError(f"{name!r} is no name for a golden file: write one without / and without .txt")
        path = directory / FOLDER / f"{name}.txt"
        found = result_text(result, ids=ids)
        self.asked.add(path)
        if self.update:
            self._write(path, found, test)
            return
        if not path.exists():
            raise GoldenError(
                f"there is no golden file {_shown(path)}. If this is what should be, write it with"
                f" `pytest --longspan-update` and commit it:\n\n{found}"
            )
        expected = path.read_text(encoding="utf-8")
        if expected != found:
            told = "\n".join(differing_lines(expected, found))
            raise GoldenError(
                f"the result is not what {_shown(path)} says (- golden file, + now). If it is right now, write the file"
                f" anew with `pytest --longspan-update` and review its difference.\n\n{told}"
            )

    def _write(self, path: Path, found: str, test: str) -> None:
        __tracebackhide__ = True
        before = self.written.setdefault(path, (found, test))
        if before[0] != found:
            raise GoldenError(
                f"{_shown(path)} is asked for twice with different results, by {before[1]} and {test}: one of them"
                " needs another name"
            )
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != found:
            path.write_text(found, encoding="utf-8", newline="\n")

    def stale(self, judged: set[Path]) -> Iterator[Path]:
        """The golden files in directories of tests, of which no test asked for."""
        for directory in sorted(judged):
            yield from sorted(set((directory / FOLDER).glob("*.txt")) - self.asked)


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
