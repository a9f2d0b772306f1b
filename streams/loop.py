"""How one loop of a process is: when it turned, and what keeps it from its work."""

from collections.abc import Callable

import redis

from streams.errors import describe


class Loop:
    """One loop of the process. `clock` is in seconds and never put back.

    `turned` and `succeeded_at` are when a turn last ended at all, and last without a fault; `trouble` is what keeps it
    from its work now, `faults` how many turns failed because of Redis.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.turned = self.succeeded_at = clock()
        self.trouble = ""
        self.faults = 0

    def succeeded(self) -> None:
        """A turn went through."""
        self.turned = self.succeeded_at = self._clock()
        self.trouble = ""

    def failed(self, error: Exception) -> None:
        """A turn did not."""
        self.turned = self._clock()
        self.trouble = describe(error)
        self.faults += isinstance(error, redis.RedisError)
