"""Live: follows what changes while somebody watches, one turn after another, and wakes those whom it concerns."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from api.channel import Channel, News, Watcher
from api.problems import Problem
from api.turns import Start, Turn, Turns
from streams.feed import START
from streams.query import Query

if TYPE_CHECKING:
    from api.service import Service

STARTS_AT_ONCE = 100
TRY_AGAIN_SECONDS = 1.0
RESET_SECONDS = 5.0  # between two that tell everybody to load the list again
WAKE_SECONDS = 0.0002  # that a watcher takes from the loop when it is woken
TELL_SECONDS = 0.0001  # that a workflow takes from the process when it is told of
LONGEST_PAUSE_SECONDS = 0.5

logger = logging.getLogger(__name__)


class Begun(NamedTuple):
    """What came between a start and now, None where that is not known any more, and the token of now."""

    news: list[News] | None
    token: str


class _Starting(NamedTuple):
    watcher: Watcher
    start: Start
    begun: "asyncio.Future[Begun]"


class Live:
    """All who watch, in one process. Its methods are called in one event loop.

    A lone change goes out at once; those that come while it is handled go out together after it. While more changes
    than can be told of, those who watch lists are told to load them again, now and then; those who watch one workflow
    are not concerned: they read its journal.
    """

    def __init__(self) -> None:
        self.turn = 0
        self.token = ""  # of what channels have been told, or told that they have missed it
        self.stopped = False
        self._watchers: set[Watcher] = set()
        self._subjects: dict[str, set[Watcher]] = {}
        self._channels: dict[Query, Channel] = {}
        self._starting: list[_Starting] = []
        self._missing = False
        self._quiet_until = 0.0
        self._task: asyncio.Task[None] | None = None
        self._reads: dict[object, asyncio.Task[Any]] = {}

    @property
    def watching(self) -> int:
        """How many watch."""
        return len(self._watchers)

    async def join(self, service: "Service", watcher: Watcher, start: Start) -> Begun:
        """Begin to watch. Raises Problem 503 where Redis cannot be asked, or too many watch."""
        most = service.options.watchers
        if self.stopped or len(self._watchers) >= most:
            detail = "the server is ending" if self.stopped else f"{most:,} watch already: try again later"
            raise Problem(503, "Service Unavailable", detail, headers={"Retry-After": "10"})
        self._watchers.add(watcher)
        if watcher.query is not None:
            self._channels.setdefault(watcher.query, Channel()).watchers.add(watcher)
        if watcher.subject is not None:
            self._subjects.setdefault(watcher.subject, set()).add(watcher)
        begun: asyncio.Future[Begun] = asyncio.get_running_loop().create_future()
        self._starting.append(_Starting(watcher, start, begun))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow(service))
        try:
            return await begun
        except BaseException:
            self.leave(watcher)
            raise

    def leave(self, watcher: Watcher) -> None:
        """Watch no more."""
        self._watchers.discard(watcher)
        if watcher.query is not None and (channel := self._channels.get(watcher.query)):
            channel.watchers.discard(watcher)
            if not channel.watchers:
                del self._channels[watcher.query]
        if watcher.subject is not None and (others := self._subjects.get(watcher.subject)):
            others.discard(watcher)
            if not others:
                del self._subjects[watcher.subject]

    def after(self, query: Query, seen: int) -> list[bytes] | None:
        """The events of a query behind a turn; None where some are not known any more."""
        return self._channels[query].after(seen)

    async def read_once(self, asked: object, read: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """The answer of `read`, shared by all who ask the same during one turn."""
        key = self.turn, asked
        task = self._reads.get(key)
        if task is None:
            task = self._reads[key] = asyncio.create_task(read())
            task.add_done_callback(lambda _: self._reads.pop(key))
        return await asyncio.shield(task)

    def stop(self) -> None:
        """End every stream; nobody may begin one any more."""
        self.stopped = True
        for watcher in self._watchers:
            watcher.woken.set()

    async def _follow(self, service: "Service") -> None:
        turns: Turns | None = None
        nothing_yet = False
        while self._watchers:
            starting, self._starting = self._starting[:STARTS_AT_ONCE], self._starting[STARTS_AT_ONCE:]
            try:
                if turns is None:
                    partitions = await service.partitions()
                    positions = [START] * partitions if nothing_yet else None
                    turns = Turns(service, partitions, positions) if partitions else None
                if turns is None:  # no worker has ever started
                    nothing_yet = True
                    self._let_in(starting, [[] if each.start.positions is None else None for each in starting], "")
                    await asyncio.sleep(TRY_AGAIN_SECONDS)
                    continue
                quiet = self._missing and asyncio.get_running_loop().time() < self._quiet_until
                queries = [] if quiet else list(self._channels)
                turn = await service.reader.run(turns.take, queries, [each.start for each in starting])
            except Exception as error:
                if not isinstance(error, Problem):
                    logger.exception("what changes cannot be followed")
                    turns, self._missing = None, True
                for each in starting:
                    if not each.begun.done():
                        each.begun.set_exception(error)
                await asyncio.sleep(TRY_AGAIN_SECONDS)
                continue
            self._let_in(starting, turn.begun, turn.began)
            pause_seconds = self._tell(turn)
            await asyncio.sleep(min(pause_seconds, LONGEST_PAUSE_SECONDS))

    def _let_in(self, starting: Sequence[_Starting], begun: Sequence[list[News] | None], token: str) -> None:
        for each, news in zip(starting, begun, strict=True):
            each.watcher.seen = self.turn
            if not each.begun.done():
                each.begun.set_result(Begun(news, token))

    def _tell(self, turn: Turn) -> float:
        """Give a turn to whom it concerns; how long (seconds) others are to have the process then."""
        self.turn += 1
        woken: set[Watcher] = set()
        self._missing = self._missing or not turn.whole
        now = asyncio.get_running_loop().time()
        if not self._missing:
            self.token = turn.token
            for query, news in turn.news.items():
                if (channel := self._channels.get(query)) is not None:
                    channel.put(self.turn, news)
                    woken |= channel.watchers
        elif now >= self._quiet_until:
            self.token = turn.token
            self._missing, self._quiet_until = False, now + RESET_SECONDS
            for channel in self._channels.values():
                channel.miss(self.turn)
                woken |= channel.watchers
        for subject in self._subjects if turn.changed is None else self._subjects.keys() & turn.changed.keys():
            woken |= self._subjects[subject]
        for watcher in woken:
            watcher.woken.set()
        told = len({each.workflow_id for news in turn.news.values() for each in news})
        return len(woken) * WAKE_SECONDS + told * TELL_SECONDS
