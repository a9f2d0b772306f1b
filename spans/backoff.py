"""How long to leave an endpoint alone."""

from collections.abc import Callable

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 30.0
LONGEST_ASKED_SECONDS = 3600.0


class Backoff:
    """Waits that double from 0.1 s to 30 s, each spread at random over its upper half.

    `spread` gives numbers from 0 to 1; `longest_seconds` stands in for the 30 s. What the endpoint asks for counts
    where it is longer, up to an hour.
    """

    def __init__(self, spread: Callable[[], float], longest_seconds: float = LONGEST_SECONDS) -> None:
        self._spread = spread
        self._longest_seconds = longest_seconds
        self._next_seconds = FIRST_SECONDS

    def next_wait(self, asked_seconds: float | None = None) -> float:
        """Seconds until the next try."""
        wait = self._next_seconds * (0.5 + self._spread() / 2)
        self._next_seconds = min(self._next_seconds * 2, self._longest_seconds)
        return max(wait, min(asked_seconds or 0.0, LONGEST_ASKED_SECONDS))

    def reset(self) -> None:
        """Begin again: it answers."""
        self._next_seconds = FIRST_SECONDS
