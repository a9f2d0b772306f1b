"""Going on after a fault of the server: waits that grow, and one line when it begins and one when it is over."""

import logging
import threading

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 5.0


class Persistence:
    """The patience of one loop with its server."""

    def __init__(self, logger: logging.Logger, who: str) -> None:
        self._logger = logger
        self._who = who
        self._failures = 0
        self._reason = ""

    def succeeded(self) -> None:
        """Say that the trouble is over, where there was any."""
        if self._failures:
            self._logger.info("%s goes on after %d failed tries", self._who, self._failures)
            self._failures, self._reason = 0, ""

    def failed(self, error: Exception, stop: threading.Event) -> None:
        """Say what is wrong unless it was said already, and wait before the next try."""
        reason = f"{type(error).__name__}: {error}"
        if reason != self._reason:
            self._logger.error("%s waits: %s", self._who, reason)
            self._reason = reason
        self._failures += 1
        stop.wait(min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(self._failures - 1, 10)))
