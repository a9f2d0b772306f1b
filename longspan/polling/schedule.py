"""Who is to be asked when. No clock: time is passed in, in milliseconds."""

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import count

from longspan.polling.polled import Polled


class Schedule:
    """The next due time of each of those that are polled; what is gone falls out by itself.

    `wake` is called when one comes before all that were there.
    """

    def __init__(self, wake: Callable[[], object] = lambda: None) -> None:
        self._wake = wake
        self._heap: list[tuple[int, int, Polled]] = []
        self._numbers = count()

    def put(self, polled: Polled, due_ms: int) -> None:
        """Let it be due then, and not at any time that was named before."""
        polled.due_ms = due_ms
        heappush(self._heap, (due_ms, next(self._numbers), polled))
        if self._heap[0][2] is polled:
            self._wake()

    def take(self, now_ms: int) -> Iterator[Polled]:
        """Those that are due, the one that has been due for longest first."""
        while self._heap and self._heap[0][0] <= now_ms:
            due_ms, _, polled = heappop(self._heap)
            if not polled.gone and polled.due_ms == due_ms:
                yield polled

    @property
    def next_ms(self) -> int | None:
        """When the next one is due; None where nobody is."""
        return self._heap[0][0] if self._heap else None
