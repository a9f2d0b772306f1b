"""Files with secrets that are read again whenever they change, so that nobody has to restart for a new one."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # how soon a change of the file is seen

Item = TypeVar("Item")


class Reread(Generic[Item]):
    """The items that a file holds. `now_seconds` is a clock that never goes back.

    `read` raises `refusal` for a file that is broken or gone: when this is made it is passed on, later what the file
    held before goes on being used, and the log says so of the `items` of the setting `named`.
    """

    def __init__(
        self,
        path: Path,
        read: Callable[[Path], tuple[Item, ...]],
        refusal: type[Exception],
        now_seconds: Callable[[], float],
        *,
        named: str,
        items: str,
    ) -> None:
        self._path = path
        self._read = read
        self._refusal = refusal
        self._now_seconds = now_seconds
        self._named, self._items = named, items
        self._mark = self._look()
        self._held = read(path)
        self._looked_seconds = now_seconds()

    async def current(self) -> tuple[Item, ...]:
        """What the file says, as of at most LOOK_SECONDS ago. It is read in a thread."""
        now = self._now_seconds()
        if now - self._looked_seconds >= LOOK_SECONDS:
            self._looked_seconds = now
            await asyncio.to_thread(self._refresh)
        return self._held

    def _look(self) -> tuple[int, ...]:
        # Kubernetes swaps a link to bring in a new version: the file is then another one.
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev

    def _refresh(self) -> None:
        mark = self._look()
        if mark == self._mark:
            return
        self._mark = mark
        try:
            self._held = self._read(self._path)
        except self._refusal as error:
            logger.error("%s: %s: %s; the %s that it held before stay", self._named, self._path, error, self._items)
        else:
            logger.info("%s: %s was read again: %d %s", self._named, self._path, len(self._held), self._items)
