"""A poller put together: what it is given, in which order it starts, and how it ends."""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import redis

from longspan.polling.asking import Asker
from longspan.polling.clocks import Clocks
from longspan.polling.headers import Headers
from longspan.polling.outgoing import Aside, Outgoing
from longspan.polling.permission import Permission
from longspan.polling.poller import Poller
from longspan.polling.roll import Roll
from longspan.polling.schedule import Schedule
from longspan.polling.sink import Sink
from longspan.polling.statistics import PollStatistics
from longspan.polling.targets import Targets
from longspan.polling.telling import Telling
from longspan.polling.watch import Watch, keep_watch
from longspan.settings import Settings
from longspan.store import Store
from streams.backlog import Backlog
from streams.errors import StreamsError
from streams.poll_leases import PollLeases
from streams.polled import Lookout

FLUSH_SECONDS = 10.0  # that what is left may take to be sent at the end
STOP_SECONDS = 0.05  # until the end is noticed

logger = logging.getLogger("longspan.poll")


class Polling:
    """One poller of a store: `run` it in a thread of its own, or in the main one."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        partitions: int,
        targets: Targets,
        permission: Permission,
        clocks: Clocks | None = None,
    ) -> None:
        self._settings = settings
        self._partitions = partitions
        self._targets = targets
        self._permission = permission
        self._clocks = clocks or Clocks()
        self.statistics = PollStatistics(time.monotonic)
        self._clients = [store.connect() for _ in range(3)]
        renewing, sending, watching = self._clients
        keys = store.keys
        self.leases = PollLeases(renewing, keys, partitions, settings.lease_ms, self._clocks.steady_ms)
        self._sink = Sink(sending, keys, partitions, Backlog(keys, settings.ingress_limit), self.leases)
        self._watch = Watch(watching, keys, Lookout(watching, keys, targets.machines, self._clocks.now_ms))

    def run(self, stop: threading.Event) -> None:
        """Poll until `stop` is set; then finish what is under way, and leave the partitions to the others."""
        self.leases.tend()
        ended = threading.Event()
        keeper = threading.Thread(target=self.leases.keep, args=(ended,), name="leases", daemon=True)
        keeper.start()
        try:
            asyncio.run(self._run(stop))
        finally:
            ended.set()
            keeper.join()
            self._release()
            for client in self._clients:
                client.close()

    async def _run(self, stop: threading.Event) -> None:
        clocks, statistics = self._clocks, self.statistics
        ending, wake = asyncio.Event(), asyncio.Event()
        schedule, telling = Schedule(wake.set), Telling()
        statistics.troubled, statistics.troubled_lists = telling.open, telling.open_lists
        roll = Roll(self._targets, self._partitions, schedule, telling, statistics, clocks)
        headers = Headers(self._permission, clocks.steady_ms)
        spread, retention_ms = random.SystemRandom().random, self._settings.retention_ms
        async with Asker() as asker:
            poller = Poller(asker, headers, schedule, telling, statistics, clocks, spread, retention_ms)
            outgoing = Outgoing(self._sink, telling, statistics, clocks.now_ms, poller.settle, roll.count_doubt)
            with ThreadPoolExecutor(1, "watch") as watching, ThreadPoolExecutor(1, "sink") as sinking:
                aside = _aside(watching)
                tasks = [
                    asyncio.create_task(
                        keep_watch(self._watch, self.leases, roll, outgoing, poller, statistics, aside)
                    ),
                    asyncio.create_task(outgoing.run(_aside(sinking))),
                    asyncio.create_task(_until(stop)),
                ]

                def end(_: asyncio.Task[None]) -> None:
                    """`_until` ends as it is meant to; where another does, nothing can go on without it."""
                    ending.set()
                    wake.set()

                for task in tasks:
                    task.add_done_callback(end)
                try:
                    await poller.run(ending, wake, roll, outgoing)
                finally:
                    for task in tasks:
                        task.cancel()
                    ends = await asyncio.gather(*tasks, return_exceptions=True)
                await _flush(outgoing, _aside(sinking))
        for error in ends:
            if isinstance(error, Exception):
                raise error

    def _release(self) -> None:
        try:
            self.leases.release()
        except (redis.RedisError, StreamsError) as error:
            text = "what this process polls could not be handed over, it is free after LONGSPAN_LEASE: %s"
            logger.warning(text, error)


async def _flush(outgoing: Outgoing, aside: Aside) -> None:
    """Send what is left, as long as Redis takes it."""
    try:
        async with asyncio.timeout(FLUSH_SECONDS):
            while not outgoing.is_empty and await outgoing.flush(aside):
                pass
    except TimeoutError:
        logger.debug("the end did not wait for Redis any longer")
    if not outgoing.is_empty:
        logger.warning("not all that was polled could be sent: the next poller asks for it again")


async def _until(stop: threading.Event) -> None:
    while not stop.is_set():
        await asyncio.sleep(STOP_SECONDS)


def _aside(pool: ThreadPoolExecutor) -> Aside:
    return lambda call: asyncio.get_running_loop().run_in_executor(pool, call)


def permission_of(settings: Settings, environment: Mapping[str, str]) -> Permission:
    """What the settings let sources reach."""
    return Permission(settings.source_hosts, settings.source_variables, settings.source_files, environment)
