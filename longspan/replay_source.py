"""The events of recorded files, in order, until one that is asked for, and what is wrong with lines on the way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from longspan.errors import FAILED, LongspanError
from longspan.recordings import read_raw_lines
from machines.errors import LineError
from machines.recorded_line import Line
from machines.recording import read_lines

_SHOWN = 20  # faults that are told one by one


class UnfoundEventError(LongspanError):
    """An event to stop at that no file has."""

    def __init__(self, until: str) -> None:
        super().__init__(f"--until {until}: no event has this id or type")


@dataclass(slots=True)
class Source:
    """`halted` says that the reading ended at a line that cannot be used; `faults` counts such lines."""

    files: Sequence[str]
    keep_going: bool = False
    until: str | None = None
    faults: int = 0
    halted: bool = False
    lines_read: int = 0

    def lines(self) -> Iterator[Line]:
        """The lines that can be used. Raises UseError, UnfoundEventError."""
        until = self.until
        for name in self.files:
            for line in read_lines(read_raw_lines(name)):
                if isinstance(line, LineError):
                    self._note(name, line)
                    if self.halted:
                        return
                    continue
                self.lines_read += 1
                yield line
                if until is not None and until in (line.event.id, line.event.type):
                    return
        if until is not None:
            raise UnfoundEventError(until)

    def _note(self, name: str, fault: LineError) -> None:
        self.faults += 1
        self.halted = not self.keep_going
        if self.faults <= _SHOWN:
            click.echo(f"{name}: {fault}", err=True)

    def close(self) -> None:
        """Say how the reading ended. Exits where it was halted."""
        if self.halted:
            click.echo("longspan: the rest was not read: mend the line, or leave it out by --keep-going", err=True)
            raise SystemExit(FAILED)
        if self.faults:
            click.echo(f"longspan: {self.faults} lines were left out", err=True)
