"""The poller: asks who is due, turns answers into events, and hands on what is new. One loop, many requests."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace

from longspan.polling.asking import Asker, Fault, Reply
from longspan.polling.clocks import Clocks
from longspan.polling.headers import HeaderError, Headers
from longspan.polling.host import Host
from longspan.polling.news import find_news
from longspan.polling.outgoing import Outgoing
from longspan.polling.pages import Walk
from longspan.polling.polled import Polled, digest
from longspan.polling.reading import Reading, read_answer
from longspan.polling.roll import Roll
from longspan.polling.schedule import Schedule
from longspan.polling.sink import Delivery, Parcel
from longspan.polling.statistics import PollStatistics
from longspan.polling.telling import Telling
from longspan.polling.waits import next_wait_ms
from machines.errors import TemplateError

DRAIN_SECONDS = 10.0  # until requests that are under way at the end are given up
TURN_SECONDS = 0.02  # what falls due within it is begun together
LONGEST_TURN_SECONDS = 0.5
PAGE_MS = 50  # between looks whether a page has been sent, before the next is asked for

logger = logging.getLogger("longspan.poll")


class Poller:
    """Polls who is on the roll. `spread` draws from 0 to 1; nothing older than `retention_ms` is started by a list."""

    def __init__(
        self,
        asker: Asker,
        headers: Headers,
        schedule: Schedule,
        telling: Telling,
        statistics: PollStatistics,
        clocks: Clocks,
        spread: Callable[[], float],
        retention_ms: int,
    ) -> None:
        self._asker = asker
        self._headers = headers
        self._schedule = schedule
        self._telling = telling
        self._statistics = statistics
        self._clocks = clocks
        self._spread = spread
        self._retention_ns = retention_ms * 1_000_000
        self._under_way: set[asyncio.Task[None]] = set()
        self._waiting: set[Host] = set()  # with somebody in their queue
        self._ending = False
        self.pollers = 1

    async def run(self, stop: asyncio.Event, wake: asyncio.Event, roll: Roll, outgoing: Outgoing) -> None:
        """Poll until `stop` is set; then what is under way is finished. `wake` is set with it, and by the schedule."""
        self._roll, self._outgoing = roll, outgoing
        while not stop.is_set():
            self._turn()
            await asyncio.sleep(TURN_SECONDS)
            wake.clear()
            wait_seconds = LONGEST_TURN_SECONDS
            if self._schedule.next_ms is not None:
                wait_seconds = (self._schedule.next_ms - self._clocks.steady_ms()) / 1_000
            if self._waiting:
                wait_seconds = min(wait_seconds, 5 * TURN_SECONDS)
            if wait_seconds > 0 and not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(wake.wait(), min(LONGEST_TURN_SECONDS, wait_seconds))
        self._ending = True
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=DRAIN_SECONDS)
            for task in late:
                task.cancel()

    def settle(self, delivery: Delivery) -> None:
        """What was sent is remembered, so that it is not sent again; what was refused is not."""
        for parcel in delivery.done:
            polled = parcel.polled
            polled.pending = False
            if parcel.doubt == self._roll.doubt:
                polled.etag, polled.body, polled.sent = parcel.etag, parcel.body, parcel.sent
        for parcel in delivery.refused:
            parcel.polled.pending = False

    def _turn(self) -> None:
        now_ms = self._clocks.steady_ms()
        self._statistics.turned = self._statistics.clock()
        if not self._outgoing.is_full:
            for polled in self._schedule.take(now_ms):
                if polled.pending:  # what it brought last is not sent yet
                    wait_ms = polled.target.interval_ms if polled.walk is None else PAGE_MS
                    self._schedule.put(polled, now_ms + wait_ms)
                    continue
                host = polled.target.host
                if host.fault is not None:
                    self._telling.note(polled, host.fault, self._clocks.now_ms())
                host.waiting.append(polled)
                self._waiting.add(host)
            for host in list(self._waiting):
                self._begin(host)

    def _begin(self, host: Host) -> None:
        """Begin what the host has room for."""
        now_ms = self._clocks.steady_ms()
        while host.waiting and not self._ending and not self._outgoing.is_full and host.has_room(now_ms, self.pollers):
            polled = host.waiting.popleft()
            if polled.gone:
                continue
            host.under_way += 1
            self._statistics.under_way += 1
            self._statistics.late_seconds.observe(max(0, now_ms - polled.due_ms) / 1_000)
            task = asyncio.get_running_loop().create_task(self._poll(polled, now_ms))
            self._under_way.add(task)
            task.add_done_callback(self._end)
        if not host.waiting:
            self._waiting.discard(host)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a request came to nothing", exc_info=task.exception())

    async def _poll(self, polled: Polled, began_ms: int) -> None:
        host = polled.target.host
        failed = True
        retry_after_ms: int | None = None
        try:
            if polled.doubt != self._roll.doubt:
                polled.forget(self._roll.doubt)
            answer = await self._ask(polled, began_ms)
            now_ms = self._clocks.steady_ms()
            self._statistics.request_seconds.observe((now_ms - began_ms) / 1_000)
            if polled.gone:
                return
            reading = self._read(polled, answer)
            retry_after_ms = reading.trouble.retry_after_ms if reading.trouble is not None else None
            to_blame = host.note(reading.trouble, now_ms)
            self._tell_host(host)
            for waiting in host.waiting if to_blame else ():
                self._telling.note(waiting, host.fault, self._clocks.now_ms())
            failed = self._take(polled, answer, reading) is not None and not to_blame
        except BaseException:
            polled.walk = None
            raise
        finally:
            host.under_way -= 1
            self._statistics.under_way -= 1
            if not polled.gone:
                self._schedule.put(polled, self._next_ms(polled, began_ms, failed, retry_after_ms))
            self._begin(host)

    def _next_ms(self, polled: Polled, began_ms: int, failed: bool, retry_after_ms: int | None) -> int:
        """When it is asked for next: at once where pages of a collection are left."""
        walk, target = polled.walk, polled.target
        if walk is not None:
            if walk.url is not None:
                return self._clocks.steady_ms()
            began_ms, polled.walk = walk.began_ms, None
        polled.failures = polled.failures + 1 if failed else 0
        return began_ms + next_wait_ms(
            target.interval_ms,
            target.source.jitter,
            polled.failures,
            target.source.backoff_ms,
            retry_after_ms,
            self._spread(),
        )

    async def _ask(self, polled: Polled, began_ms: int) -> Reply | Fault:
        request = polled.target.request
        try:
            url = polled.next_url()
            headers = self._headers.write(request.headers)
        except TemplateError as error:
            return Fault("url", str(error))
        except HeaderError as error:
            return Fault("header", str(error))
        if polled.target.paging is not None and polled.walk is None:
            polled.walk = Walk(began_ms, url, url)
        now_seconds = self._clocks.now_ns() / 1e9
        return await self._asker.ask(request.method, url, headers, request.timeout_ms, polled.etag, now_seconds)

    def _read(self, polled: Polled, answer: Reply | Fault) -> Reading:
        target = polled.target
        if isinstance(answer, Reply) and answer.status == 200 and polled.body and digest(answer.body) == polled.body:
            return Reading((), None, unchanged=True)
        now_ns = self._clocks.now_ns()
        reading = read_answer(answer, target.mapping, polled.context(), now_ns, target.most)
        if not target.collects or not reading.drafts:
            return reading
        # What began so long ago may have ended and been removed since, and would begin once more.
        earliest_ns = now_ns - self._retention_ns
        recent = [draft for draft in reading.drafts if draft.time_ns is not None and draft.time_ns >= earliest_ns]
        return replace(reading, drafts=recent)

    def _take(self, polled: Polled, answer: Reply | Fault, reading: Reading) -> Fault | None:
        """Hand on what is new; what is wrong, by all that is known now."""
        news = find_news(polled, answer, reading)
        walk = polled.walk
        trouble = reading.trouble if walk is None else walk.trouble
        if trouble is not None or walk is None or walk.url is None:  # pages that are left may bring some yet
            self._telling.note(polled, trouble, self._clocks.now_ms())
        if walk is not None and walk.cut:
            self._telling.note_cut(polled)
        self._statistics.answers[polled.target.machine, news.result] += 1
        if news.drafts:
            polled.pending = True
            told_ns = self._clocks.now_ns()
            self._outgoing.put(Parcel(polled, news.drafts, news.etag, news.body, news.sent, told_ns, self._roll.doubt))
        else:
            polled.etag, polled.body, polled.sent = news.etag, news.body, news.sent
        return trouble

    def _tell_host(self, host: Host) -> None:
        if host.fault is None:
            if self._statistics.hosts.pop(host.name, None) is not None:
                logger.info("%s answers again", host.name)
        elif host.name not in self._statistics.hosts:
            self._statistics.hosts[host.name] = host.fault.detail
            logger.warning("%s is left alone for a while: %s", host.name, host.fault.detail)
