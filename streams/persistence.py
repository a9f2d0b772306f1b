"""Going on after a fault of the server: waits that grow, and one line when it begins and one when it is over."""

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

import redis

from streams.errors import describe, trouble
from streams.loop import Loop

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 5.0

_Answer = TypeVar("_Answer")


class Persistence:
    """The patience of one loop with its server, which is noted in `loop` for those who ask."""

    def __init__(self, logger: logging.Logger, who: str, loop: Loop | None = None) -> None:
        self._loop = loop
        self._logger = logger
        self._who = who
        self._failures = 0
        self._reason = ""

    def succeeded(self) -> None:
        """Say that the trouble is over, where there was any."""
        if self._loop is not None:
            self._loop.succeeded()
        if self._failures:
            self._logger.info("%s goes on after %d failed tries", self._who, self._failures)
            self._failures, self._reason = 0, ""

    def failed(self, error: Exception, stop: threading.Event) -> None:
        """Say what is wrong unless it was said already, and wait before the next try."""
        reason = trouble(error)
        if self._loop is not None:
            self._loop.failed(error)
        if reason != self._reason:
            self._logger.error("%s waits: %s", self._who, describe(error))
            self._reason = reason
        self._failures += 1
        stop.wait(min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(self._failures - 1, 10)))


def when_loaded(ask: Callable[[], _Answer], patience: Persistence, stop: threading.Event) -> _Answer | None:
    """What is answered, as soon as the server has loaded its data; None where `stop` is set before.

    Raises what `ask` raises otherwise.
    """
    while not stop.is_set():
        try:
            answer = ask()
        except redis.BusyLoadingError as error:
            patience.failed(error, stop)
        else:
            patience.succeeded()
            return answer
    return None
