"""The ingress stream: where producers put events, and the router that moves them to their partitions in order."""

import logging
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from machines.entries import parse_entry
from machines.errors import EventError
from machines.events import encode_event
from streams.client import BLOCK_MS, Client, read_streams
from streams.errors import KeyTypeError, check_type
from streams.keys import Keys, partition_of
from streams.pace import Pace
from streams.scripts import ROUTE

logger = logging.getLogger(__name__)


def emit(client: Client, keys: Keys, entries: Iterable[Mapping[bytes, bytes]]) -> list[bytes]:
    """Append entries to the ingress stream; their ids, in order. Raises redis.RedisError."""
    return client.call_all(
        ["XADD", keys.events, "*", *(part for pair in fields.items() for part in pair)] for fields in entries
    )


class Router:
    """Moves entries from the ingress stream to the partitions' streams, each exactly once and in order.

    Any number of routers may run at once: each partition remembers the last ingress entry that it was given, and
    passes over what comes again. What every partition has is trimmed from the ingress stream. Entries of a partition
    where a key holds another type stay there, and are tried again whenever nothing else is to be done.
    """

    def __init__(self, client: Client, keys: Keys, partitions: int) -> None:
        self._client = client
        self._keys = keys
        self._partitions = partitions
        self._cursor: bytes = b"0-0"
        self._kept: bytes | None = None  # the first entry that could not be routed, since the start of the stream
        self._blocked: set[int] = set()  # partitions of such entries: what comes behind must not overtake them
        self._told: set[str] = set()
        self._pace = Pace()

    def restart(self) -> None:
        """Read again from the start of the stream, after anything that leaves a doubt."""
        self._cursor = b"0-0"
        self._kept = None
        self._blocked.clear()

    def step(self, block_ms: int = BLOCK_MS) -> int:
        """Route one batch, waiting at most `block_ms` for it; how many entries were read.

        Raises redis.RedisError, and KeyTypeError where the ingress key itself holds another type.
        """
        name = self._keys.events
        entries = read_streams(self._client, {name: self._cursor}, self._pace.count, block_ms).get(name)
        if not entries:
            if self._kept is not None:
                self.restart()
            return 0
        self._pace.note(sum(len(part) for _, fields in entries for part in fields), len(entries))
        unrouted = self._route(entries)
        self._cursor = entries[-1][0]
        self._kept = self._kept or unrouted
        if self._kept is not None:
            self._client.call("XTRIM", name, "MINID", self._kept)
        else:
            # MINID keeps the id it names, and the one after the highest cannot be written.
            self._client.call_all([("XTRIM", name, "MINID", self._cursor), ("XDEL", name, self._cursor)])
            self._told.clear()
        return len(entries)

    def _route(self, entries: Sequence[tuple[bytes, Sequence[bytes]]]) -> bytes | None:
        """Route entries; the first that could not be, since a key of its partition holds another type."""
        calls: dict[int, list[bytes]] = {}
        for entry_id, flat in entries:
            fields = dict(zip(flat[::2], flat[1::2], strict=True))
            try:
                event = parse_entry(fields, entry_id.decode())
            except EventError as error:
                partition = partition_of(entry_id.decode(), self._partitions)
                calls.setdefault(partition, []).extend((entry_id, *dead_fields(error, entry_id, flat)))
                continue
            partition = partition_of(event.subject, self._partitions)
            calls.setdefault(partition, []).extend((entry_id, b"1", encode_event(event)))
        unrouted = {calls.pop(partition)[0] for partition in self._blocked & calls.keys()}
        scripted = []
        for owned, args in ((self._keys.of(partition), args) for partition, args in calls.items()):
            scripted.append(((owned.meta, owned.events, owned.dead), args))
        for (partition, args), reply in zip(calls.items(), ROUTE.call_each(self._client, scripted), strict=True):
            if isinstance(reply, Exception):
                raise reply
            try:
                check_type(reply)
            except KeyTypeError as error:
                unrouted.add(args[0])
                self._blocked.add(partition)
                self._tell(error)
        return next((entry_id for entry_id, _ in entries if entry_id in unrouted), None)

    def _tell(self, error: KeyTypeError) -> None:
        if str(error) not in self._told:
            self._told.add(str(error))
            logger.error("the events of a partition wait in %s: %s", self._keys.events.decode(), error)


def dead_fields(error: EventError, entry_id: bytes, flat: Sequence[bytes]) -> list[bytes]:
    """The fields of a malformed entry's dead letter, their number first; `entry` keeps what came, byte for byte."""
    fields = {
        b"reason": b"malformed",
        b"field": error.field.encode(errors="replace"),
        b"detail": str(error).encode(errors="replace"),
        b"position": entry_id,
        b"entry": msgspec.msgpack.encode(list(flat)),
    }
    return [b"%d" % (2 * len(fields)), *(part for pair in fields.items() for part in pair)]
