"""How much of requests may be in memory at once: a server that is asked for more says so, and lives."""

from collections.abc import Iterator
from contextlib import contextmanager

from api.problems import Problem

IN_FLIGHT_BYTES = 64 * 1024 * 1024
STRANGERS_BYTES = 32 * 1024 * 1024  # of all that have to be read before it is known whether a signature fits
LEAST_BYTES = 4 * 1024  # what the smallest request costs beside its body


class Allowance:
    """Counts the bytes of bodies that are being read or worked on. For one loop, not for threads."""

    def __init__(self, most: int = IN_FLIGHT_BYTES) -> None:
        self.most = most
        self.held = 0

    @contextmanager
    def share(self) -> Iterator["Share"]:
        """A part for one request, given back at the end of the block. Raises Problem 503 where there is none."""
        share = Share(self)
        try:
            share.take(LEAST_BYTES)
            yield share
        finally:
            self.held -= share.held


class Share:
    """What one request holds."""

    def __init__(self, allowance: Allowance) -> None:
        self.held = 0
        self._allowance = allowance

    def take(self, count: int) -> None:
        """Hold some bytes more. Raises Problem 503 where others hold too many."""
        if self._allowance.held + count > self._allowance.most:
            detail = "too much is being sent at once: send the same again in a second"
            raise Problem(503, "Service Unavailable", detail, headers={"Retry-After": "1"})
        self._allowance.held += count
        self.held += count
