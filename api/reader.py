"""The reader: functions that ask Redis, run in a few threads so that the loop of the server never waits for them."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from api.problems import Problem
from streams.client import Client
from streams.errors import ServerError, describe, trouble

P = ParamSpec("P")
T = TypeVar("T")

MOST_WAITING = 1_000  # requests; a server that is that far behind will not catch up by taking more

logger = logging.getLogger(__name__)


class Reader:
    """Runs functions that take a client as their first argument, in a few threads, each with a client of its own."""

    def __init__(self, connect: Callable[[], Client], threads: int = 8) -> None:
        self._connect = connect
        self._clients: list[Client] = []
        self._own = threading.local()
        self._pool = ThreadPoolExecutor(threads, "reader")
        self._apart = ThreadPoolExecutor(1, "probe")
        self._waiting = 0
        self._moved = 0.0  # when a request last began to wait alone, or had its answer (the loop's clock)
        self._trouble: str | None = None

    async def run(self, function: Callable[Concatenate[Client, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function gives. Raises what it raises, and Problem 503 where Redis fails or too much waits."""
        if self._waiting >= MOST_WAITING:
            detail = "too many requests wait for Redis: try again"
            raise Problem(503, "Service Unavailable", detail, headers={"Retry-After": "1"})
        if not self._waiting:
            self._moved = asyncio.get_running_loop().time()
        self._waiting += 1
        call = partial(self._call, function, *args, **kwargs)
        future = asyncio.get_running_loop().run_in_executor(self._pool, call)
        future.add_done_callback(self._settle)
        try:
            result = await asyncio.shield(future)  # what waits is counted until a thread has taken it
        except ServerError as error:
            raise self._problem(error) from error
        if self._trouble is not None:
            self._trouble = None
            logger.info("Redis answers again")
        return result

    async def run_apart(self, function: Callable[Concatenate[Client, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`run` in one thread of its own, which no request waits for: for probes. Raises what the function does."""
        call = partial(self._call, function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._apart, call)

    def stalled_seconds(self, now: float) -> float:
        """For how long no request has had its answer although some wait; `now` is the loop's clock."""
        return now - self._moved if self._waiting else 0.0

    @property
    def waiting(self) -> int:
        """How many requests wait for an answer of Redis, or for a thread."""
        return self._waiting

    def close(self) -> None:
        """Let what runs end, and close every client."""
        self._pool.shutdown(cancel_futures=True)
        self._apart.shutdown(cancel_futures=True)
        for client in self._clients:
            client.close()

    def _call(self, function: Callable[Concatenate[Client, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        client: Client | None = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = self._connect()
            self._clients.append(client)
        return function(client, *args, **kwargs)

    def _settle(self, future: "asyncio.Future[T]") -> None:
        self._waiting -= 1
        self._moved = asyncio.get_running_loop().time()
        if not future.cancelled():
            future.exception()  # taken note of, although nobody may wait for it any more

    def _problem(self, error: BaseException) -> Problem:
        told = trouble(error)
        if told != self._trouble:
            self._trouble = told
            logger.warning("%s", describe(error))
        return Problem(503, "Service Unavailable", told, headers={"Retry-After": "1"})
