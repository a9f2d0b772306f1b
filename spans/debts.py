"""What is owed to the outbox: spans were judged by the endpoint, and that must be written before anything else."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping

from spans.dispatch import Refusal
from streams.errors import FencedError, MovingError, SpoiltPartitionError
from streams.keys import partition_of
from streams.outbox import Acknowledgement, Outbox
from streams.resting import Resting

_log = logging.getLogger(__name__)


class Debts:
    """By partition, in the order in which they arose: where Redis is away now, they are made good when it is back."""

    def __init__(self, outbox: Outbox, now_ms: Callable[[], int], resting: Resting) -> None:
        self._outbox = outbox
        self._now_ms = now_ms
        self._resting = resting
        self._owed: dict[int, deque[Refusal | tuple[bytes, Acknowledgement]]] = {}

    def __bool__(self) -> bool:
        return bool(self._owed)

    def __iter__(self) -> Iterator[int]:
        """The partitions that something is owed to."""
        return iter(self._owed)

    def __contains__(self, partition: int) -> bool:
        return partition in self._owed

    def refuse(self, refusal: Refusal) -> None:
        """Something is to be kept aside."""
        self._owed.setdefault(refusal.partition, deque()).append(refusal)

    def acknowledge(self, partition: int, part: Acknowledgement, nonce: bytes) -> None:
        """Something was sent under the lease with this nonce, and is to be acknowledged under the same."""
        self._owed.setdefault(partition, deque()).append((nonce, part))

    def settle(self) -> set[bytes]:
        """Write everything but what is of partitions that rest, or have to; the nonces of leases that are lost.

        Raises redis.RedisError.
        """
        lost: dict[bytes, int] = {}
        while due := {number: owed[0] for number, owed in self._owed.items() if number not in self._resting}:
            parts: dict[int, tuple[bytes, Acknowledgement]] = {}
            for number, owed in due.items():
                if isinstance(owed, Refusal):
                    self._settled(number, self._refuse(owed))
                else:
                    parts[number] = owed
            for number, error in self._acknowledge(parts).items():
                if isinstance(error, FencedError):
                    nonce, _ = parts[number]
                    lost[nonce] = number
                self._settled(number, error)
        if lost:
            # Their next exporter sends these spans again; what was sent is not to be recalled.
            names = ", ".join(map(str, sorted(lost.values())))
            _log.warning("Spans of partitions %s were sent and not acknowledged: they are no longer held", names)
        return set(lost)

    def _settled(self, partition: int, error: Exception | None) -> None:
        """What was owed first is written, or cannot be for a while."""
        if isinstance(error, SpoiltPartitionError):
            self._resting.rest(partition, error)
            return
        if isinstance(error, MovingError):
            self._resting.rest_shortly(partition)
            return
        owed = self._owed[partition]
        owed.popleft()
        if not owed:
            del self._owed[partition]

    def _refuse(self, refusal: Refusal) -> SpoiltPartitionError | None:
        try:
            self._outbox.refuse(refusal.partition, refusal.span, refusal.fields)
        except SpoiltPartitionError as error:
            return error
        return None

    def _acknowledge(
        self, parts: Mapping[int, tuple[bytes, Acknowledgement]]
    ) -> dict[int, SpoiltPartitionError | FencedError | MovingError | None]:
        now_ms = self._now_ms()
        children = [child for _, part in parts.values() for child in part.children]
        # First: once their parent is acknowledged, nobody would come back to them.
        moving = self._outbox.deliver_children(children, now_ms) if children else set()
        waiting = {
            number
            for number, (_, part) in parts.items()
            if any(partition_of(workflow_id, self._outbox.partitions) in moving for workflow_id, _ in part.children)
        }
        known = {number: owed for number, owed in parts.items() if number not in waiting}
        return self._outbox.acknowledge_each(known, now_ms) | dict.fromkeys(waiting, MovingError())
