"""How far a rebuild has come, in a file, so that another one goes on from there."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from longspan.errors import LongspanError, UseError
from longspan.rebuild_source import Choice

if TYPE_CHECKING:
    from spans.redelivery import Mark, Progress

FORMAT = 1


class StateError(LongspanError):
    """A state file that cannot be written."""

    def __init__(self, path: Path, error: OSError) -> None:
        self.path = path
        super().__init__(f"--resume: {path} cannot be written: {error.strerror or error}")


@dataclass(slots=True)
class RebuildState:
    """What a rebuild of `choice` from `source` has sent: everything up to the run of `mark`, and the first `spans`
    spans of the run behind it, `within`."""

    path: Path
    source: str
    choice: Choice
    mark: "Mark | None" = None
    within: tuple[str, int] | None = None
    spans: int = 0
    done: bool = False

    def note(self, progress: "Progress") -> None:
        """Write down how far it has come; the file is always whole. Raises StateError."""
        if progress.mark is not None:
            self.mark, self.within, self.spans = progress.mark, progress.within, progress.spans
        elif progress.within is not None:
            self.within, self.spans = progress.within, progress.spans
        self.write()

    def write(self) -> None:
        """Raises StateError."""
        told = {
            "format": FORMAT,
            "source": self.source,
            "choice": asdict(self.choice),
            "mark": self.mark,
            "within": self.within,
            "spans": self.spans,
            "done": self.done,
        }
        beside = self.path.with_name(f"{self.path.name}.new")
        try:
            with beside.open("w") as file:
                json.dump(told, file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
        except OSError as error:
            raise StateError(self.path, error) from None


def open_state(path: Path, source: str, choice: Choice) -> RebuildState:
    """The state in a file, or a new one where there is none. Raises UseError where it is of another rebuild."""
    fresh = RebuildState(path, source, choice)
    try:
        told = json.loads(path.read_bytes())
    except FileNotFoundError:
        return fresh
    except (OSError, ValueError) as error:
        raise UseError(f"--resume: {path} cannot be read ({error}): name another file to begin anew") from None
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise UseError(f"--resume: {path} is no state of a rebuild by this version: name another file to begin anew")
    if told["source"] != source or told["choice"] != json.loads(json.dumps(asdict(choice))):
        raise UseError(f"--resume: {path} is of another rebuild: give the same arguments, or name another file")
    fresh.mark = None if told["mark"] is None else tuple(told["mark"])
    fresh.within = None if told["within"] is None else (told["within"][0], told["within"][1])
    fresh.spans, fresh.done = told["spans"], told["done"]
    return fresh
