"""A channel: the latest news of the workflows that fit one query, shared by all who watch that query."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from streams.query import Query

MOST_KEPT = 1_000  # workflows; who is further behind loads the list again


class News(NamedTuple):
    """What became of a workflow, as an event of a stream."""

    workflow_id: str
    event: bytes


class Watcher(Protocol):
    """Somebody who watches one query, or, where that is None, the workflow `subject`. Turns are numbered: `seen` is the
    last one that it has taken, None before it has been let in. `woken` is set when there is something to take."""

    woken: asyncio.Event
    query: Query | None
    subject: str | None
    seen: int | None


class Channel:
    """Of each workflow only the last news is kept, and of at most MOST_KEPT workflows, so a slow watcher costs a
    bounded amount of memory, which it shares with others that are slow."""

    def __init__(self) -> None:
        self.watchers: set[Watcher] = set()
        self._kept: dict[str, tuple[int, bytes]] = {}  # in the order of their turns
        self._lost = 0  # who has not seen this turn has missed something for good

    def put(self, turn: int, news: Iterable[News]) -> None:
        """Keep the news of a turn, until every watcher has taken them."""
        seen = min((each.seen for each in self.watchers if each.seen is not None), default=turn)
        while self._kept:
            oldest = next(iter(self._kept))
            if self._kept[oldest][0] > seen:
                break
            del self._kept[oldest]
        for workflow_id, event in news:
            self._kept.pop(workflow_id, None)
            self._kept[workflow_id] = turn, event
        while len(self._kept) > MOST_KEPT:
            oldest = next(iter(self._kept))
            self._lost = self._kept.pop(oldest)[0]

    def miss(self, turn: int) -> None:
        """Note that something of a turn is not known: all who have not seen it have missed it."""
        self._kept.clear()
        self._lost = turn

    def after(self, seen: int) -> list[bytes] | None:
        """The news behind a turn, oldest first; None where some of it is not kept any more."""
        if seen < self._lost:
            return None
        found = []
        for turn, event in reversed(self._kept.values()):
            if turn <= seen:
                break
            found.append(event)
        found.reverse()
        return found
