"""Turns that are kept apart while there is much to do in small portions: what arrives meanwhile goes together."""

import threading
from collections.abc import Callable


class Spacing:
    """No turn begins within `gap_seconds` of the one before it, unless that was full: had at least `full` entries.

    Each turn costs some tenths of a millisecond beside its entries. One that comes alone never waits: nothing was
    done just before it. `clock` tells seconds.
    """

    def __init__(self, clock: Callable[[], float], gap_seconds: float, full: int) -> None:
        self._clock = clock
        self._gap_seconds = gap_seconds
        self._full = full
        self._began = clock()

    def begin(self) -> None:
        """A turn begins."""
        self._began = self._clock()

    def rest(self, entries: int, stop: threading.Event) -> None:
        """Wait, once a turn with so many entries has ended, until the next may begin or `stop` is set."""
        if 0 < entries < self._full:
            rest_seconds = self._began + self._gap_seconds - self._clock()
            if 0 < rest_seconds <= self._gap_seconds:
                stop.wait(rest_seconds)
