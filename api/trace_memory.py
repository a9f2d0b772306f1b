"""What is known of the traces of long runs, so that a look at one reads only what has come since the last."""

import threading
from collections import OrderedDict
from typing import NamedTuple

from spans.live import EndedSpans
from streams.journals import Bookmark

SHORTEST = 200  # entries of a journal: what is shorter is read in no time
LARGEST_BYTES = 64 * 2**20
_SPAN_BYTES = 1_500

Key = tuple[str, int, int]  # workflow id, run, how many spans are shown


class Known(NamedTuple):
    """The spans of a run that have ended up to a place in its journal; `size` of what was read, in bytes."""

    ended: EndedSpans
    mark: Bookmark
    size: int

    @property
    def cost(self) -> int:
        """About how much memory it takes at most, in bytes."""
        return self.size + _SPAN_BYTES * len(self.ended.spans)


class TraceMemory:
    """The runs that were looked at last, up to a size in bytes. Any thread may use it."""

    def __init__(self, largest_bytes: int = LARGEST_BYTES) -> None:
        self._largest_bytes = largest_bytes
        self._known: OrderedDict[Key, Known] = OrderedDict()
        self._cost = 0
        self._lock = threading.Lock()

    def find(self, key: Key) -> Known | None:
        """What is known of a run."""
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
            return known

    def keep(self, key: Key, known: Known) -> None:
        """Know this from now on, instead of what was known, and of what was asked for longest ago."""
        with self._lock:
            self._drop(key)
            if known.mark.entries < SHORTEST or known.cost > self._largest_bytes:
                return
            self._known[key] = known
            self._cost += known.cost
            while self._cost > self._largest_bytes:
                self._drop(next(iter(self._known)))

    def _drop(self, key: Key) -> None:
        known = self._known.pop(key, None)
        if known is not None:
            self._cost -= known.cost
