"""What the demo shows: in a terminal a live table with waterfalls above it, elsewhere plain lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from longspan.waterfall import Line
from machines.durations import format_duration

_STYLES = {"heading": "bold", "ok": "green", "error": "red", "unset": "yellow"}
_STATUS_STYLES = {"running": "cyan", "ok": "green", "error": "red", "timeout": "red", "cancelled": "yellow"}


@dataclass(frozen=True, slots=True)
class Row:
    """A workflow as it stands: its innermost active states, and for how long (simulated) it has been in them."""

    workflow_id: str
    machine: str
    states: str
    in_state_seconds: float | None
    status: str


class Board(Protocol):
    """Where the demo shows what happens."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def say(self, text: str) -> None:
        """A line of text."""

    def show_trace(self, lines: Sequence[Line]) -> None:
        """A finished trace."""

    def show_rows(self, rows: Sequence[Row], seconds: float) -> None:
        """How all workflows stand, `seconds` after the start."""


class LiveBoard:
    """A table that stays at the bottom of the terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """Print above the table."""
        self._console.print(Text(text))

    def show_trace(self, lines: Sequence[Line]) -> None:
        """Print a waterfall above the table."""
        styled = [(f"{line.text}\n", _STYLES[line.tone]) for line in lines]
        self._console.print(Text.assemble(*styled, no_wrap=True, overflow="ellipsis"))

    def show_rows(self, rows: Sequence[Row], seconds: float) -> None:
        """Draw the table anew."""
        table = Table(title=f"workflows after {seconds:.0f} s", title_justify="left", expand=False)
        for title in ("workflow", "machine", "state"):
            table.add_column(title, no_wrap=True)
        table.add_column("in state", justify="right", no_wrap=True, min_width=8)
        table.add_column("status", no_wrap=True)
        room = max(3, self._console.height - 6)
        for row in rows[:room]:
            status = Text(row.status, style=_STATUS_STYLES.get(row.status, ""))
            table.add_row(row.workflow_id, row.machine, row.states, _duration(row.in_state_seconds), status)
        self._live.update(table, refresh=True)


class SilentBoard:
    """Nothing: who asks for JSON wants nothing else."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def say(self, text: str) -> None:
        """Nothing."""

    def show_trace(self, lines: Sequence[Line]) -> None:
        """Nothing."""

    def show_rows(self, rows: Sequence[Row], seconds: float) -> None:
        """Nothing."""


class PlainBoard:
    """One line for each change of a state."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def say(self, text: str) -> None:
        """Print a line."""
        click.echo(text)

    def show_trace(self, lines: Sequence[Line]) -> None:
        """Print a waterfall."""
        click.echo("\n".join(line.text for line in lines) + "\n")

    def show_rows(self, rows: Sequence[Row], seconds: float) -> None:
        """Print what differs from the last time."""
        for row in rows:
            told = f"{row.workflow_id:<12}{row.machine:<18}{row.status:<11}{row.states}".rstrip()
            if self._shown.get(row.workflow_id) != told:
                click.echo(f"{seconds:6.1f} s  {told}")
                self._shown[row.workflow_id] = told


def _duration(seconds: float | None) -> str:
    return "" if seconds is None else format_duration(round(seconds) * 10**9)
