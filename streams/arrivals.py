"""Up to which instant deadlines may fire: everything that arrived before it must have reached its partition."""

import logging
from collections.abc import Collection, Sequence

from streams.client import Client
from streams.errors import MovingError
from streams.keys import Keys
from streams.scripts import ARRIVALS

logger = logging.getLogger(__name__)

PATIENCE_MS = 60_000  # how long deadlines wait for a router that does not get on
LOOK_MS = 1_000  # how much time counts between two looks: who was suspended has not seen whether the router got on


class Arrivals:
    """Compares the server's clock with what waits in the ingress stream.

    An event that arrived before a deadline was due goes before it, so it has to be in the partition's stream first. The
    wait for that is bounded: it ends when the router has got no further for PATIENCE_MS.
    """

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._looked_ms = 0
        self._stuck: dict[
            int, tuple[int, int]
        ] = {}  # by partition, how far it is routed, and since how long no further

    def read(self, partitions: Collection[int], now_ms: int) -> dict[int, int]:
        """For each partition the instant (ms) up to which its deadlines may fire: no later than `now_ms`, no later
        than the server's time. Raises redis.RedisError."""
        try:
            server_ms, first, *progress = ARRIVALS.call(self._client, [self._keys.events, self._keys.routed], [])
        except MovingError:
            return dict.fromkeys(partitions, 0)  # the ingress stream is moving to another node of the cluster
        clock_ms = min(now_ms, int(server_ms))
        watched_ms = min(max(now_ms - self._looked_ms, 0), LOOK_MS)
        self._looked_ms = now_ms
        if not first:
            self._stuck.clear()
            return dict.fromkeys(partitions, clock_ms)
        reached_ms, behind = _read_progress(_ms(first), progress, int(server_ms))
        limits: dict[int, int] = {}
        stuck: dict[int, tuple[int, int]] = {}
        given_up = []
        for partition in partitions:
            routed_ms = behind.get(partition, reached_ms)
            limits[partition] = min(clock_ms, routed_ms)
            if routed_ms >= clock_ms:
                continue
            before_ms, waited_ms = self._stuck.get(partition, (routed_ms, -watched_ms))
            total_ms = waited_ms + watched_ms if before_ms == routed_ms else 0
            stuck[partition] = routed_ms, total_ms
            if total_ms >= PATIENCE_MS:
                limits[partition] = clock_ms
                if waited_ms < PATIENCE_MS:
                    given_up.append(partition)
        self._stuck = stuck
        if given_up:
            logger.error(
                "for %d s nothing was routed to partitions %s: deadlines fire there before events that came earlier and"
                " still wait in %s; see longspan doctor",
                PATIENCE_MS // 1_000,
                ", ".join(map(str, sorted(given_up))),
                self._keys.events.decode(),
            )
        return limits


def _read_progress(first_ms: int, progress: Sequence[bytes], server_ms: int) -> tuple[int, dict[int, int]]:
    """How far all partitions are routed (ms), and how far those are that the router had to pass over."""
    if not progress:
        return first_ms, {}
    _, after, passed_over = progress
    words = passed_over.split()
    try:
        behind = {int(number): max(first_ms, _ms(entry)) for number, entry in zip(words[::2], words[1::2], strict=True)}
    except ValueError:
        return first_ms, {}  # nothing that a router wrote
    return max(first_ms, _ms(after) if after else server_ms), behind


def _ms(entry_id: bytes) -> int:
    return int(entry_id.partition(b"-")[0])
