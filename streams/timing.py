"""When something is due again, by a clock that may be put back."""

from collections.abc import Callable


def is_ahead(due_ms: int, now_ms: int, every_ms: int) -> bool:
    """Whether it is too early still; a clock that was put back does not make it late for ever."""
    return due_ms - every_ms <= now_ms < due_ms


class Rhythm:
    """What is to be done every so often, by name. `now_ms` tells the time."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._due: dict[str, int] = {}

    def is_due(self, what: str, every_ms: int) -> bool:
        """Whether it is time again; if so, the next time is `every_ms` from now."""
        now_ms = self._now_ms()
        if is_ahead(self._due.get(what, 0), now_ms, every_ms):
            return False
        self._due[what] = now_ms + every_ms
        return True

    def hasten(self, *names: str) -> None:
        """Let these be due at once; without names, everything."""
        for name in names or list(self._due):
            self._due.pop(name, None)
