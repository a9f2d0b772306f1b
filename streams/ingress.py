"""The ingress stream: where producers put events, and the router that moves them to their partitions in order."""

import logging
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from machines.entries import parse_entry
from machines.errors import EventError
from machines.events import encode_event
from streams.bell import Bell
from streams.client import BLOCK_MS, Client
from streams.errors import KeyTypeError, MovingError, check_type
from streams.keys import Keys, partition_of
from streams.pace import Pace
from streams.pieces import Pieces
from streams.rewinding import ROUTED, forget_what_was_lost, order, routing_keys
from streams.scripts import PASS_OVER, ROUTE

logger = logging.getLogger(__name__)

START = b"0-0"
MOST_ENTRIES = 250  # in one round trip: some milliseconds in which Redis serves nobody else
LOOK_EVERY = 64  # batches: a blocked partition is tried again though there is always something else to do


def emit(client: Client, keys: Keys, entries: Iterable[Mapping[bytes, bytes]]) -> list[bytes]:
    """Append entries to the ingress stream; their ids, in order. Raises redis.RedisError."""
    return client.call_all(
        ["XADD", keys.events, "*", *(part for pair in fields.items() for part in pair)] for fields in entries
    )


class Router:
    """Moves entries from the ingress stream to the partitions' streams, each exactly once and in order.

    Any number of routers may run at once: each partition remembers the last ingress entry that it was given, and
    passes over what comes again. What every partition has is trimmed from the ingress stream. Entries of a partition
    where a key holds another type, or whose slot is on its way to another node, stay there, and are tried again
    whenever nothing else is to be done, and in between.
    """

    def __init__(self, client: Client, keys: Keys, partitions: int) -> None:
        self._client = client
        self._keys = keys
        self._partitions = partitions
        self._cursor: bytes = START
        self._blocked: dict[int, Pieces] = {}  # by partition, the first that wait: no later entry may overtake them
        self._batches = 0  # since they were tried
        self._in_doubt = True  # whether the stream still is the one that the partitions' positions are of
        self._told: set[str] = set()
        self._pace = Pace(MOST_ENTRIES)
        self._bell = Bell(client, keys)

    def restart(self) -> None:
        """Read again from the start of the stream, after anything that leaves a doubt."""
        self._in_doubt = True
        self._begin()

    def step(self, block_ms: int = BLOCK_MS) -> int:
        """Route one batch, waiting at most `block_ms` for it; how many entries were read.

        Raises redis.RedisError, and KeyTypeError where the ingress key itself holds another type.
        """
        name = self._keys.events
        if self._blocked:
            self._try_again()
        entries = self._bell.read({name: self._cursor}, self._pace.count, block_ms).get(name)
        if not entries:
            if self._blocked:
                self._begin()
            return 0
        if self._in_doubt:
            forget_what_was_lost(self._client, self._keys, self._partitions)
            self._in_doubt = False
        self._pace.note(sum(len(part) for _, fields in entries for part in fields), len(entries))
        self._route(entries)
        self._cursor = entries[-1][0]
        if self._blocked:
            self._client.call("XTRIM", name, "MINID", min((call.first for call in self._blocked.values()), key=order))
            self._note_passed_over()
        else:
            # MINID keeps the id it names, and the one after the highest cannot be written.
            self._client.call_all([("XTRIM", name, "MINID", self._cursor), ("XDEL", name, self._cursor)])
            self._told.clear()
        return len(entries)

    def _begin(self) -> None:
        self._cursor = START
        self._blocked = {}
        self._batches = 0

    def _try_again(self) -> None:
        self._batches += 1
        if self._batches >= LOOK_EVERY:
            self._batches = 0
            if len(self._give(self._blocked)) < len(self._blocked):
                self._begin()  # what came behind them waits in the stream

    def _route(self, entries: Sequence[tuple[bytes, Sequence[bytes]]]) -> None:
        """Route entries, but those of blocked partitions: a partition is blocked when it could not take some."""
        calls: dict[int, Pieces] = {}
        for entry_id, flat in entries:
            fields = dict(zip(flat[::2], flat[1::2], strict=True))
            try:
                event = parse_entry(fields, entry_id.decode())
            except EventError as error:
                partition = partition_of(entry_id.decode(), self._partitions)
                _of(calls, partition).add_dead(entry_id, dead_fields(error, entry_id, flat))
                continue
            _of(calls, partition_of(event.subject, self._partitions)).add_event(entry_id, encode_event(event))
        for partition in self._blocked:
            calls.pop(partition, None)
        self._blocked |= self._give(calls)

    def _give(self, calls: Mapping[int, Pieces]) -> dict[int, Pieces]:
        """Give partitions what is theirs; those that could not take it."""
        scripted = [(routing_keys(self._keys.of(partition)), call.arguments()) for partition, call in calls.items()]
        refused: dict[int, Pieces] = {}
        for (partition, call), reply in zip(calls.items(), ROUTE.call_each(self._client, scripted), strict=True):
            try:
                if isinstance(reply, Exception):
                    raise reply
                check_type(reply)
            except MovingError:  # its slot is being moved, and the keys are on two nodes meanwhile
                refused[partition] = call
            except KeyTypeError as error:
                refused[partition] = call
                self._tell(f"the events of a partition wait in {self._keys.events.decode()}: {error}")
        return refused

    def _note_passed_over(self) -> None:
        """Say how far the others are, so that their deadlines need not wait for what is blocked."""
        passed_over = b" ".join(b"%d %s" % (number, call.first) for number, call in self._blocked.items())
        try:
            check_type(PASS_OVER.call(self._client, [self._keys.routed], [self._cursor, passed_over]))
        except KeyTypeError as error:
            self._tell(f"deadlines wait for a partition that is blocked: {error}")

    def _tell(self, what: str) -> None:
        if what not in self._told:
            self._told.add(what)
            logger.error("%s", what)


def dead_fields(error: EventError, entry_id: bytes, flat: Sequence[bytes]) -> list[bytes]:
    """The fields and values of a malformed entry's dead letter; `entry` keeps what came, byte for byte."""
    fields = {
        b"reason": b"malformed",
        b"field": error.field.encode(errors="replace"),
        b"detail": str(error).encode(errors="replace"),
        b"position": entry_id,
        b"entry": msgspec.msgpack.encode(list(flat)),
    }
    return [part for pair in fields.items() for part in pair]


def _of(calls: dict[int, Pieces], partition: int) -> Pieces:
    pieces = calls.get(partition)
    if pieces is None:
        pieces = calls[partition] = Pieces(ROUTED)
    return pieces
