"""Clients that are stopped between two calls: to crash there, to lose an answer, or to let somebody else go first."""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from streams.client import Argument, Client
from streams.exchange import Answered

Hook = Callable[[Sequence[Sequence[Argument]]], None]


class CrashError(BaseException):
    """The process is gone: nothing that runs in it can catch this."""


class Interrupted(Client):
    """A client that calls `before` and `after` around each round trip, with the commands of that round trip."""

    def __init__(self, plain: Client, before: Hook | None = None, after: Hook | None = None) -> None:
        super().__init__(plain.servers)
        self.before = before
        self.after = after

    def call_all(self, commands: Iterable[Sequence[Argument]], *, raise_on_error: bool = True) -> list[Any]:
        """As of a client."""
        listed = list(commands)
        if self.before:
            self.before(listed)
        replies = super().call_all(listed, raise_on_error=raise_on_error)
        if self.after:
            self.after(listed)
        return replies

    def begin(self, commands: Iterable[Sequence[Argument]]) -> Answered:
        """As of a client, the hooks around the whole of it."""
        return Answered(self.call_all(commands, raise_on_error=False))


class Countdown:
    """A hook that raises at the n-th call, counted from 0; `calls` is how many there were."""

    def __init__(self, number: int, error: Callable[[], BaseException]) -> None:
        self.calls = 0
        self._number = number
        self._error = error

    def __call__(self, commands: Sequence[Sequence[Argument]]) -> None:
        """Count."""
        self.calls += 1
        if self.calls - 1 == self._number:
            raise self._error()


def holds(commands: Sequence[Sequence[Argument]], script_hash: str) -> bool:
    """Whether a round trip runs a script."""
    return any(command[0] == "EVALSHA" and command[1] == script_hash for command in commands)


class Turns:
    """Runs `steps` in a thread that stops before each round trip until `advance` lets it go on."""

    def __init__(self, make: Callable[[Hook], Callable[[], object]]) -> None:
        self._turn = threading.Semaphore(0)
        self._arrived = threading.Semaphore(0)
        self.done = False
        self.error: BaseException | None = None
        self._steps = make(self._stop_here)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._arrived.acquire()

    def advance(self) -> None:
        """One round trip."""
        if not self.done:
            self._turn.release()
            self._arrived.acquire()
        if self.done:
            self._thread.join()

    def finish(self) -> None:
        """All round trips that are left."""
        while not self.done:
            self.advance()
        self._thread.join()

    def _stop_here(self, _commands: Sequence[Sequence[Argument]]) -> None:
        self._arrived.release()
        self._turn.acquire()

    def _run(self) -> None:
        try:
            self._steps()
        except BaseException as error:
            self.error = error
        self.done = True
        self._arrived.release()
