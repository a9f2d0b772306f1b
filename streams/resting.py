"""Partitions that cannot be worked on: left alone for a while, told once, and no hindrance to the others."""

import logging
from collections.abc import Callable

from streams.errors import StreamsError
from streams.timing import is_ahead

REST_MS = 5_000
SHORTLY_MS = 100
FORGET_MS = 4 * REST_MS  # a trouble that did not show for so long is told again


class Resting:
    """Which partitions rest. `line` is what is said when it begins: partition and reason go into it."""

    def __init__(self, logger: logging.Logger, line: str, now_ms: Callable[[], int]) -> None:
        self._logger = logger
        self._line = line
        self._now_ms = now_ms
        self._until_ms: dict[int, int] = {}
        self._told: dict[int, tuple[str, int]] = {}  # what is wrong with a partition, and when that was last so

    def __contains__(self, partition: int) -> bool:
        return is_ahead(self._until_ms.get(partition, 0), self._now_ms(), REST_MS)

    def rest(self, partition: int, error: StreamsError) -> None:
        """Leave a partition alone for a while, and say why."""
        self._until_ms[partition] = self._now_ms() + REST_MS
        self.tell(partition, error)

    def rest_shortly(self, partition: int) -> None:
        """Leave a partition alone for a moment, and say nothing: what keeps it passes by itself."""
        self._until_ms[partition] = self._now_ms() + SHORTLY_MS

    def resume(self, partition: int) -> None:
        """Look at a partition again at once."""
        self._until_ms.pop(partition, None)

    def tell(self, partition: int, error: StreamsError) -> None:
        """One line when it begins: it is tried again and again, and the other partitions go on."""
        now_ms = self._now_ms()
        told, last_ms = self._told.get(partition, ("", 0))
        if told != str(error) or not last_ms <= now_ms < last_ms + FORGET_MS:
            self._logger.error(self._line, partition, error, extra={"partition": partition})
        self._told[partition] = str(error), now_ms

    def went_well(self, partition: int) -> bool:
        """Whether a partition that had something wrong with it is well again, as is to be said."""
        self.resume(partition)
        return self._told.pop(partition, None) is not None
