"""Who does the work of a role in which partition: one process at a time, each its fair share."""

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import redis

from streams.client import Client
from streams.errors import KeyTypeError, StreamsError, describe, trouble
from streams.keys import Keys, PartitionKeys
from streams.lease import find_free, hold_each
from streams.members import Members, Share
from streams.owner import name_member
from streams.scripts import RENEW

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0  # until what others gave up, or left behind, is noticed


@dataclass(frozen=True, slots=True)
class Role:
    """What processes share: the hash of who is there, the lease of a partition, and words: `exporter`, `export`,
    `exported`."""

    members: bytes
    lease: Callable[[PartitionKeys], bytes]
    who: str
    do: str
    done: str


class RoleLeases:
    """The partitions that this process may work on: its fair share. `now_ms` is a clock that is never put back, in ms.

    One thread keeps the leases (`step`, `keep`), another works (`take_up`, `allows`). What is beyond the share is
    given up only once the working thread has let go of it, so that no request is under way for it. A lease that
    could not be renewed until a third of it was left is not counted on, whether or not somebody else took it.
    """

    def __init__(
        self, client: Client, keys: Keys, partitions: int, lease_ms: int, now_ms: Callable[[], int], role: Role
    ) -> None:
        self._role = role
        self._client = client
        self._keys = keys
        self._partitions = partitions
        self._lease_ms = lease_ms
        self._now_ms = now_ms
        self._name = name_member()
        self._members = Members(client, role.members, self._name, lease_ms)
        self._share: Share | None = None
        self._nonces: dict[int, bytes] = {}  # every lease that is this process's in Redis
        self._renewed_ms: int | None = None
        self._patient_until_ms: int | None = None
        self._trouble = ""
        self._told: set[str] = set()
        self._lock = threading.Lock()  # over the two that both threads look at
        self._offered: Mapping[int, bytes] = {}
        self._in_hand: Collection[int] = ()

    @property
    def members(self) -> int:
        """How many processes share the role, this one included."""
        return len(self._share.members) if self._share is not None else 1

    @property
    def held(self) -> int:
        """How many partitions may be worked on now."""
        return len(self._offered) if self._is_fresh() else 0

    def take_up(self) -> Mapping[int, bytes]:
        """Partition -> nonce of what may be worked on until the next call. All else counts as let go of, for good.

        Who calls has acknowledged all that was sent, and sends nothing of other partitions afterwards.
        """
        with self._lock:
            held = self._offered if self._is_fresh() else {}
            self._in_hand = held.keys()
        return held

    def allows(self, held: Mapping[int, bytes]) -> bool:
        """Whether a request may begin for partitions that were taken up with these nonces."""
        offered = self._offered
        return self._is_fresh() and all(offered.get(number) == nonce for number, nonce in held.items())

    def step(self) -> None:
        """Renew what is held, give up what is beyond the fair share, and take what is free within it.

        Raises redis.RedisError, StreamsError.
        """
        self._renew()
        share = self._attend()
        due = share.of(self._partitions)
        with self._lock:
            surplus = sorted(self._nonces)[due:]
            self._offer(surplus)
            free = [number for number in surplus if number not in self._in_hand]
        self._give_up(free)
        if len(self._nonces) < due:
            self._take(share, due - len(self._nonces))
            with self._lock:
                self._offer()

    def tend(self) -> None:
        """`step`; what goes wrong is said once."""
        try:
            self.step()
        except (redis.RedisError, StreamsError) as error:
            if self._trouble != trouble(error):
                self._trouble = trouble(error)
                logger.warning("the right to %s cannot be renewed, trying again: %s", self._role.do, describe(error))
            return
        if self._trouble:
            self._trouble = ""
            logger.info("the right to %s is renewed again", self._role.do)

    def keep(self, stop: threading.Event, then: Callable[[], None] = lambda: None) -> None:
        """`tend` until `stop` is set; call `then` each time, every second at the latest where Redis answers."""
        while not stop.wait(min(RETRY_SECONDS, self._lease_ms / 3_000)):
            self.tend()
            then()

    def release(self) -> None:
        """Give up everything and be there no longer, so that a successor need not wait. Raises redis.RedisError."""
        with self._lock:
            self._offer(list(self._nonces))
        self._give_up(list(self._nonces))
        self._members.leave()

    def _is_fresh(self) -> bool:
        renewed_ms = self._renewed_ms
        return renewed_ms is not None and self._now_ms() < renewed_ms + self._lease_ms * 2 // 3

    def _lease(self, number: int) -> bytes:
        return self._role.lease(self._keys.of(number))

    def _offer(self, surplus: Iterable[int] = ()) -> None:
        """Under the lock."""
        self._offered = {number: nonce for number, nonce in self._nonces.items() if number not in surplus}

    def _renew(self) -> None:
        began_ms = self._now_ms()
        held = list(self._nonces.items())
        replies = RENEW.call_each(
            self._client,
            [([self._lease(number)], [nonce, self._lease_ms]) for number, nonce in held],
        )
        gone = []
        for (number, _), reply in zip(held, replies, strict=True):
            if isinstance(reply, Exception):
                raise reply
            if not reply:
                gone.append(number)
                del self._nonces[number]
        if gone:
            names = ", ".join(map(str, gone))
            text = "partitions %s are no longer %s: another process took them, or Redis lost them"
            logger.warning(text, names, self._role.done)
        if self._renewed_ms is not None and began_ms - self._renewed_ms > self._lease_ms // 2:
            # Perhaps Redis was away: then nobody could renew. What others hold has run out, and may have been sent and
            # not acknowledged, so they get the time to come back; only what was given up is taken until then.
            self._patient_until_ms = began_ms + self._lease_ms
        self._renewed_ms = began_ms
        with self._lock:
            self._offered = {number: nonce for number, nonce in self._offered.items() if number in self._nonces}

    def _attend(self) -> Share:
        share = self._members.attend()
        if self._share is None or share.members != self._share.members:
            rank, count = share.rank + 1, len(share.members)
            due = share.of(self._partitions)
            logger.info("%s %d of %d, %d partitions to %s", self._role.who, rank, count, due, self._role.do)
        self._share = share
        return share

    def _is_patient(self) -> bool:
        return self._patient_until_ms is not None and self._now_ms() < self._patient_until_ms

    def _give_up(self, numbers: Collection[int]) -> None:
        replies = RENEW.call_each(
            self._client, [([self._lease(number)], [self._nonces[number], 0]) for number in numbers]
        )
        for number, reply in zip(numbers, replies, strict=True):
            if isinstance(reply, Exception):
                raise reply
            del self._nonces[number]

    def _take(self, share: Share, count: int) -> None:
        wanted = [number for number in share.order(self._partitions) if number not in self._nonces]
        expired_ms = 0 if self._is_patient() else share.now_ms
        free = find_free(self._client, [self._lease(number) for number in wanted], expired_ms)
        chosen = [wanted[index] for index in free[:count]]
        names = [self._lease(number) for number in chosen]
        for number, nonce in zip(chosen, hold_each(self._client, names, self._name, self._lease_ms), strict=True):
            if isinstance(nonce, KeyTypeError):
                self._tell(nonce)
            elif nonce is not None:
                self._nonces[number] = nonce

    def _tell(self, error: KeyTypeError) -> None:
        if str(error) not in self._told:
            self._told.add(str(error))
            logger.error("a partition is not %s: %s", self._role.done, error)
