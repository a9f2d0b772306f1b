"""The router as a role: of all workers one routes, the others stand by and take over when it goes or dies."""

import logging
import threading
import time
from collections.abc import Callable

import redis

from streams.bell import Bell, ring_at_end
from streams.client import BLOCK_MS, Client
from streams.errors import KeyTypeError, StreamsError
from streams.ingress import Router
from streams.keys import Keys
from streams.layout import settle_again
from streams.lease import hold_each
from streams.loop import Loop
from streams.owner import name_member
from streams.persistence import Persistence
from streams.scripts import RENEW
from streams.spacing import Spacing
from streams.timing import Rhythm

logger = logging.getLogger(__name__)

STANDBY_MS = 500
GAP_SECONDS, FULL = 0.001, 100  # between batches that have fewer entries


class Routing:
    """Routes while it holds the role's lease. Two at once do no harm: each partition passes over what it was given.

    `now_ms` tells the time, `connect` makes a client of its own. `loop` is how its loop is, for those who ask.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        keys: Keys,
        partitions: int,
        lease_ms: int,
        now_ms: Callable[[], int],
    ) -> None:
        self.loop = Loop(time.monotonic)
        self._connect = connect
        self._client = connect()
        self._keys = keys
        self._partitions = partitions
        self._name = name_member()
        self._lease_ms = lease_ms
        self._router = Router(self._client, keys, partitions)
        self._rhythm = Rhythm(now_ms)
        self._bell = Bell(self._client, keys)
        self._nonce = b""

    @property
    def active(self) -> bool:
        """Whether this one routes."""
        return bool(self._nonce)

    def run(self, stop: threading.Event) -> None:
        """Route or stand by until `stop` is set; then finish the batch in hand and give the role up."""
        bell = threading.Thread(target=ring_at_end, args=(stop, self._connect, self._keys), name="bell")
        bell.start()
        patience = Persistence(logger, "the router", self.loop)
        spacing = Spacing(time.monotonic, GAP_SECONDS, FULL)
        while not stop.is_set():
            try:
                spacing.begin()
                count = self.step(BLOCK_MS if self.active else STANDBY_MS)
                patience.succeeded()
                spacing.rest(count, stop)
            except Exception as error:
                if not isinstance(error, (redis.RedisError, StreamsError)):
                    logger.exception("a fault in the router, which goes on")
                self._router.restart()
                self._rhythm.hasten()
                patience.failed(error, stop)
        try:
            self.release()
        except redis.RedisError as error:
            logger.warning("the router's role could not be given up and will run out: %s", error)
        bell.join()
        self._client.close()

    def step(self, block_ms: int) -> int:
        """Renew or take the role, then route one batch or wait for `block_ms`; how many entries were read."""
        if self.active and self._rhythm.is_due("renew", self._lease_ms // 3) and not self._renew():
            logger.warning("this worker routes no longer: another one does, or Redis lost the role")
            self._nonce = b""
        if not self.active and not self._take():
            self._wait(block_ms)
            return 0
        return self._router.step(block_ms)

    def release(self) -> None:
        """Give the role up, so that a successor need not wait. Raises redis.RedisError."""
        if self.active:
            nonce, self._nonce = self._nonce, b""
            RENEW.call(self._client, [self._keys.router], [nonce, 0])
            self._bell.ring()

    def _renew(self) -> bool:
        return bool(RENEW.call(self._client, [self._keys.router], [self._nonce, self._lease_ms]))

    def _take(self) -> bool:
        settle_again(self._client, self._keys, self._partitions)  # another number would misplace every workflow
        (nonce,) = hold_each(self._client, [self._keys.router], self._name, self._lease_ms)
        if isinstance(nonce, KeyTypeError):
            raise nonce
        if nonce is None:
            return False
        self._nonce = nonce
        self._router.restart()
        self._rhythm.is_due("renew", self._lease_ms // 3)
        logger.info("this worker routes")
        return True

    def _wait(self, block_ms: int) -> None:
        if block_ms:
            self._bell.read({}, 1, block_ms)
