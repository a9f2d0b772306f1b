"""Who exports which partition: one process at a time, since a backend counts a span that comes twice."""

import logging
import threading
from collections.abc import Callable, Mapping

import redis

from streams.client import Client
from streams.errors import KeyTypeError, StreamsError, check_type
from streams.keys import Keys
from streams.lease import make_token
from streams.owner import identify, is_dead
from streams.scripts import HOLD, RENEW

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0  # for partitions that another process exports


class ExportLeases:
    """The partitions that this process may export. `now_ms` is a clock that is never put back, in milliseconds.

    A lease that could not be renewed in time is not counted on any more, whether or not somebody else took it.
    """

    def __init__(self, client: Client, keys: Keys, partitions: int, lease_ms: int, now_ms: Callable[[], int]) -> None:
        self._client = client
        self._keys = keys
        self._partitions = partitions
        self._lease_ms = lease_ms
        self._now_ms = now_ms
        self._owner = identify()
        self._nonces: Mapping[int, bytes] = {}  # replaced as a whole: another thread reads it
        self._renewed_ms = 0
        self._told = ""

    def held(self) -> Mapping[int, bytes]:
        """Partition -> nonce of what is held now."""
        return self._nonces if self._now_ms() < self._renewed_ms + self._lease_ms else {}

    def nonce(self, partition: int) -> bytes:
        """What an acknowledgement is compared with: also of a lease that ran out, as long as nobody else took it."""
        return self._nonces.get(partition, b"-")

    def step(self) -> None:
        """Renew what is held and take what nobody holds. Raises redis.RedisError, StreamsError."""
        began_ms = self._now_ms()
        nonces = dict(self._nonces)
        held = list(nonces.items())
        replies = RENEW.call_each(
            self._client, [([self._keys.of(number).exporter], [nonce, self._lease_ms]) for number, nonce in held]
        )
        for (number, _), reply in zip(held, replies, strict=True):
            if isinstance(reply, Exception):
                raise reply
            if not reply:
                logger.warning("partition %d is exported by another process now", number)
                del nonces[number]
        nonces |= self._take([number for number in range(self._partitions) if number not in nonces])
        self._nonces, self._renewed_ms = nonces, began_ms

    def keep(self, stop: threading.Event) -> None:
        """Renew until `stop` is set. What goes wrong is said once, and tried again."""
        while not stop.wait(min(RETRY_SECONDS, self._lease_ms / 3_000)):
            try:
                self.step()
                self._told = ""
            except (redis.RedisError, StreamsError) as error:
                if self._told != str(error):
                    self._told = str(error)
                    logger.warning("the right to export could not be renewed, trying again: %s", error)

    def release(self) -> None:
        """Give up everything, so that a successor need not wait. Raises redis.RedisError."""
        nonces, self._nonces = self._nonces, {}
        RENEW.call_each(
            self._client, [([self._keys.of(number).exporter], [nonce, 0]) for number, nonce in nonces.items()]
        )

    def _take(self, wanted: list[int], dead: Mapping[int, bytes] | None = None) -> dict[int, bytes]:
        nonces = {number: make_token() for number in wanted}
        replies = HOLD.call_each(
            self._client,
            [
                ([self._keys.of(number).exporter], [self._owner, nonce, self._lease_ms, (dead or {}).get(number, b"")])
                for number, nonce in nonces.items()
            ],
        )
        left_behind: dict[int, bytes] = {}
        for number, reply in zip(wanted, replies, strict=True):
            if isinstance(reply, Exception):
                raise reply
            try:
                check_type(reply)
            except KeyTypeError as error:
                self._tell(error)
                del nonces[number]
                continue
            if reply[0] == b"held":
                del nonces[number]
                if dead is None and is_dead(reply[1].decode(errors="replace")):
                    left_behind[number] = reply[2]
        return nonces | (self._take(list(left_behind), left_behind) if left_behind else {})

    def _tell(self, error: KeyTypeError) -> None:
        if self._told != str(error):
            self._told = str(error)
            logger.error("a partition is not exported: %s", error)
