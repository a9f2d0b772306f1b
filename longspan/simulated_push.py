"""Pushing: events go out at the instants at which their system knows of them, in order, again until they are taken."""

import heapq
import itertools
import logging
import threading
from collections.abc import Callable, Mapping

from longspan.simulated_doors import Door, SendError
from longspan.simulated_events import tell_life
from longspan.simulated_system import Life

logger = logging.getLogger(__name__)

_Due = tuple[int, int, Mapping[bytes, bytes]]  # when, which in a row, and the entry

_MOST_AT_ONCE = 500
_AGAIN_SECONDS = 1.0
_LONGEST_NAP_SECONDS = 1.0


class Pusher(threading.Thread):
    """Sends what happens in workflows through a door until it is entered no more.

    `sent` counts events that were taken. What the door refuses for good is dropped, logged and counted in `refused`.
    """

    def __init__(self, door: Door, now_ns: Callable[[], int]) -> None:
        super().__init__(name="push", daemon=True)
        self.sent = 0
        self.refused = 0
        self._door = door
        self._now_ns = now_ns
        self._changed = threading.Condition()
        self._due: list[_Due] = []
        self._order = itertools.count()
        self._ending = False

    def add(self, life: Life) -> None:
        """Push everything that happens in a workflow, and what has happened in it already."""
        with self._changed:
            for seen_ns, fields in tell_life(life):
                heapq.heappush(self._due, (seen_ns, next(self._order), fields))
            self._changed.notify()

    def run(self) -> None:
        """Send until the end."""
        failing = False
        while batch := self._wait():
            try:
                self._door.send([fields for _, _, fields in batch])
                self.sent += len(batch)
                failing = False
            except SendError as error:
                if error.lasting:
                    self.refused += len(batch)
                    logger.error("%d events are dropped: %s", len(batch), error)
                    continue
                if not failing:
                    logger.warning("%s; they are sent again", error)
                failing = True
                with self._changed:
                    for entry in batch:
                        heapq.heappush(self._due, entry)
                    self._changed.wait_for(lambda: self._ending, _AGAIN_SECONDS)

    def __enter__(self) -> "Pusher":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._ending = True
            self._changed.notify()
        self.join()
        self._door.close()

    def _wait(self) -> list[_Due]:
        """What is due, as soon as something is; nothing at the end."""
        with self._changed:
            while not self._ending:
                now_ns = self._now_ns()
                batch: list[_Due] = []
                while self._due and self._due[0][0] <= now_ns and len(batch) < _MOST_AT_ONCE:
                    batch.append(heapq.heappop(self._due))
                if batch:
                    return batch
                left = (self._due[0][0] - now_ns) / 1e9 if self._due else _LONGEST_NAP_SECONDS
                self._changed.wait(min(left, _LONGEST_NAP_SECONDS))
            return []
