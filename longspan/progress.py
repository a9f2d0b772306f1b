"""Progress on stderr: a line that is written over in a terminal, elsewhere a line now and then."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import click

_TERMINAL_SECONDS = 0.2
_LOG_SECONDS = 10.0
_EVERY = 256  # calls between two looks at the clock


class Progress:
    """`tell` is called as often as something was done; `say` makes the line. The clock is read each `every` calls."""

    def __init__(self, say: Callable[[float], str], every: int = _EVERY) -> None:
        self._say = say
        self._every = every
        self._terminal = sys.stderr.isatty()
        self._calls = 0
        self._began = self._told = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    def tell(self) -> None:
        """Say how far it has come, if it is time to."""
        self._calls += 1
        if self._calls % self._every:
            return
        now = time.monotonic()
        if now - self._told >= (_TERMINAL_SECONDS if self._terminal else _LOG_SECONDS):
            self._told = now
            line = self._say(now - self._began)
            click.echo(f"\r\x1b[K{line}" if self._terminal else f"longspan: {line}", err=True, nl=not self._terminal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._terminal:
            click.echo("\r\x1b[K", err=True, nl=False)
