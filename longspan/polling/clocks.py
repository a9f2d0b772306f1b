"""The clocks of a poller: one that is never put back, and the time of day."""

import time

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clocks:
    """The machine's own."""

    def steady_ms(self) -> int:
        """Since the machine was started, never put back."""
        return time.clock_gettime_ns(_STEADY) // 1_000_000

    def now_ns(self) -> int:
        """Since the epoch."""
        return time.time_ns()

    def now_ms(self) -> int:
        """Since the epoch."""
        return self.now_ns() // 1_000_000
