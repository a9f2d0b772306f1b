"""What is owed to the outbox: spans were judged by the endpoint, and that must be written before anything else."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

from spans.backlog import Acknowledgement
from spans.dispatch import Refusal
from streams.errors import FencedError, SpoiltPartitionError
from streams.outbox import Outbox
from streams.resting import Resting

_log = logging.getLogger(__name__)


class Debts:
    """By partition, in the order in which they arose: where Redis is away now, they are made good when it is back."""

    def __init__(self, outbox: Outbox, now_ms: Callable[[], int], resting: Resting) -> None:
        self._outbox = outbox
        self._now_ms = now_ms
        self._resting = resting
        self._owed: dict[int, deque[tuple[bytes, Callable[[], None]]]] = {}

    def __bool__(self) -> bool:
        return bool(self._owed)

    def __iter__(self) -> Iterator[int]:
        """The partitions that something is owed to."""
        return iter(self._owed)

    def __contains__(self, partition: int) -> bool:
        return partition in self._owed

    def refuse(self, refusal: Refusal) -> None:
        """Something is to be kept aside."""
        self._add(refusal.partition, b"", partial(self._outbox.refuse, refusal.partition, refusal.span, refusal.fields))

    def acknowledge(self, partition: int, part: Acknowledgement, nonce: bytes) -> None:
        """Something was sent under the lease with this nonce, and is to be acknowledged under the same.

        Children first: once their parent is acknowledged, nobody would come back to them.
        """

        def write() -> None:
            if part.children:
                self._outbox.deliver_children(part.children, self._now_ms())
            self._outbox.acknowledge(partition, part.entry_ids, part.states, part.ended, self._now_ms(), nonce)

        self._add(partition, nonce, write)

    def settle(self) -> set[bytes]:
        """Write everything but what is of partitions that rest, or have to; the nonces of leases that are lost.

        Raises redis.RedisError.
        """
        lost: dict[bytes, int] = {}
        for partition in [partition for partition in self._owed if partition not in self._resting]:
            owed = self._owed[partition]
            while owed:
                nonce, write = owed[0]
                try:
                    write()
                except SpoiltPartitionError as error:
                    self._resting.rest(partition, error)
                    break
                except FencedError:
                    lost[nonce] = partition
                owed.popleft()
            else:
                del self._owed[partition]
        if lost:
            # Their next exporter sends these spans again; what was sent is not to be recalled.
            names = ", ".join(map(str, sorted(lost.values())))
            _log.warning("Spans of partitions %s were sent and not acknowledged: they are no longer held", names)
        return set(lost)

    def _add(self, partition: int, nonce: bytes, write: Callable[[], None]) -> None:
        self._owed.setdefault(partition, deque()).append((nonce, write))
