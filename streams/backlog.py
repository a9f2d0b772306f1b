"""The backlog: events that producers have sent and no worker has applied yet."""

from collections.abc import Iterable, Mapping, Sequence

from streams.client import Client
from streams.errors import BacklogFullError, check_type, or_else
from streams.keys import Keys
from streams.resending import SCRIPT_ARGUMENTS, flatten
from streams.scripts import APPEND
from streams.timing import is_ahead

MEASURE_MS = 500


class Backlog:
    """Takes events as long as fewer than `limit` wait. Any number of threads may share one."""

    def __init__(self, keys: Keys, limit: int) -> None:
        self.limit = limit
        self._keys = keys
        self._routed = 0
        self._measure_ms = 0

    def append(
        self, client: Client, partitions: int, now_ms: int, entries: Iterable[Mapping[bytes, bytes]]
    ) -> list[bytes]:
        """Append entries to the ingress stream, in order and all at once; their ids.

        An entry of some thousand fields goes by itself, what is before it too. What waits in the partitions is
        measured every half second, so the limit is exact only while nobody routes.
        Raises BacklogFullError, KeyTypeError, redis.RedisError; then what was appended may be sent again.
        """
        if not is_ahead(self._measure_ms, now_ms, MEASURE_MS):
            self._measure_ms = now_ms + MEASURE_MS
            self._routed = self._count_routed(client, partitions)
        flat = [flatten(fields) for fields in entries]
        ids: list[bytes] = []
        start = 0
        for index, entry in enumerate(flat):
            if len(entry) > SCRIPT_ARGUMENTS:
                ids += self._append(client, flat[start:index])
                ids.append(client.call("XADD", self._keys.events, "*", *entry))
                start = index + 1
        return ids + self._append(client, flat[start:]) if start < len(flat) else ids

    def _append(self, client: Client, flat: Sequence[Sequence[bytes]]) -> list[bytes]:
        arguments: list[bytes | str | int] = [max(0, self.limit - self._routed)]
        for entry in flat:
            arguments += (len(entry), *entry)
        reply = APPEND.call(client, [self._keys.events], arguments)
        check_type(reply)
        if reply[0] == b"full":
            raise BacklogFullError(reply[1] + self._routed, self.limit)
        ids: list[bytes] = reply[1:]
        return ids

    def _count_routed(self, client: Client, partitions: int) -> int:
        replies = client.call_all(
            [("XLEN", self._keys.of(partition).events) for partition in range(partitions)], raise_on_error=False
        )
        # The last entry that was applied stays in the stream; a key of another type is the worker's to tell of.
        return sum(max(0, or_else(reply, 1) - 1) for reply in replies)
