"""A host that is asked: how many requests are under way, who waits for his turn, and when it is left alone."""

from collections import deque
from typing import TYPE_CHECKING

from longspan.polling.asking import Fault
from longspan.polling.waits import pause_ms

if TYPE_CHECKING:
    from longspan.polling.polled import Polled

_TIMEOUTS = 3  # in a row, at least, until it is the host and not one of its answers that is slow


class Host:
    """Scheme, host and port, with the requests to it. `fault` is what is wrong with the host itself, None if nothing.

    `concurrency` is the smallest of the machines that ask it, `pollers` share it; `longest_pause_ms` the longest of
    theirs.
    """

    def __init__(self, name: str, concurrency: int, longest_pause_ms: int) -> None:
        self.name = name
        self.concurrency = concurrency
        self.longest_pause_ms = longest_pause_ms
        self.under_way = 0
        self.waiting: deque[Polled] = deque()
        self.fault: Fault | None = None
        self._failures = 0
        self._timeouts = 0
        self._paused_until_ms = 0

    def join(self, concurrency: int, longest_pause_ms: int) -> None:
        """Another machine asks it as well."""
        self.concurrency = min(self.concurrency, concurrency)
        self.longest_pause_ms = max(self.longest_pause_ms, longest_pause_ms)

    def has_room(self, now_ms: int, pollers: int) -> bool:
        """Whether one more request may begin: after a pause a single one, until it is answered."""
        if now_ms < self._paused_until_ms:
            return False
        limit = 1 if self.fault is not None else max(1, self.concurrency // max(1, pollers))
        return self.under_way < limit

    def wakes_ms(self, now_ms: int) -> int | None:
        """When its pause ends, where there is one."""
        return self._paused_until_ms if now_ms < self._paused_until_ms else None

    def note(self, fault: Fault | None, now_ms: int) -> bool:
        """What came of a request; whether the host itself is at fault, so that nobody else is asked for now."""
        kind = fault.kind if fault is not None else None
        self._timeouts = self._timeouts + 1 if kind == "timeout" else 0
        asks_for_rest = fault is not None and (
            kind == "status-429" or (kind == "status-503" and fault.retry_after_ms is not None)
        )
        tired = kind == "unreachable" or (kind == "timeout" and self._timeouts >= max(_TIMEOUTS, self.concurrency))
        if not (asks_for_rest or tired or (kind == "timeout" and self.fault is not None)):
            if kind != "timeout":
                self._failures, self.fault, self._paused_until_ms = 0, None, 0
            return False
        assert fault is not None
        self._failures += 1
        self.fault = fault
        wait_ms = pause_ms(self._failures, self.longest_pause_ms, fault.retry_after_ms)
        self._paused_until_ms = max(self._paused_until_ms, now_ms + wait_ms)
        return True
