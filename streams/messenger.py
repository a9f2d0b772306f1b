"""The messenger: moves messages from the partition that sent them to those of their targets, each exactly once."""

import logging
from collections.abc import Iterable, Sequence

import redis

from machines.events import Event, encode_event
from machines.messages import decode_parent_ended, deliver, is_broadcast
from streams.client import Client
from streams.errors import UNREADABLE, KeyTypeError, MovingError, check_type, is_wrong_type, or_else
from streams.indexes import CHILDREN, START_BYTES, spell
from streams.keys import Keys, partition_of
from streams.messages import BROADCAST, Sent, encode_broadcast, read_sent
from streams.pieces import Pieces
from streams.rewinding import find_lost, forget, order, routing_keys
from streams.scripts import ROUTE

logger = logging.getLogger(__name__)

PAGE = 100  # entries of one partition in one step; each is what one commit sent
CHILDREN_PAGE = 500
_START = b"-"

_Entry = tuple[bytes, Sequence[bytes]]


class Messenger:
    """Delivers what waits in the streams of messages of the partitions that it was told of.

    Any number may run at once: each partition remembers the last entry that it was given of every sender, and passes
    over what comes again. Entries leave the stream once all their targets have them; those for a partition where a key
    holds another type stay, and hinder no other. Raises redis.RedisError throughout.
    """

    def __init__(self, client: Client, keys: Keys, partitions: int) -> None:
        self._client = client
        self._keys = keys
        self._partitions = partitions
        self._waiting: dict[int, None] = {}  # senders
        self._cursors: dict[int, bytes] = {}
        self._blocked: dict[int, dict[int, bytes]] = {}  # by sender and target, the first entry that waits
        self._known: set[int] = set()  # senders whose streams still are those that their targets' positions are of
        self._told: set[str] = set()

    def note(self, partitions: Iterable[int]) -> None:
        """There may be messages in these partitions."""
        self._waiting.update(dict.fromkeys(partitions))

    def doubt(self, partition: int) -> None:
        """Look at a partition's stream from its start, after anything that leaves a doubt."""
        self._known.discard(partition)
        self._begin(partition)
        self.note((partition,))

    def step(self) -> int:
        """Deliver a page of each partition in which there may be messages; how many entries were read."""
        waiting, self._waiting = list(self._waiting), {}
        if not waiting:
            return 0
        streams = [self._keys.of(partition).messages for partition in waiting]
        replies = self._client.call_all(
            (
                ("XRANGE", key, self._cursors.get(partition, _START), "+", "COUNT", PAGE)
                for partition, key in zip(waiting, streams, strict=True)
            ),
            raise_on_error=False,
        )
        count = 0
        for partition, key, entries in zip(waiting, streams, replies, strict=True):
            if is_wrong_type(entries):
                self._tell(f"messages cannot be delivered: {key.decode()} is no stream")
            elif isinstance(entries, redis.ResponseError):
                raise entries
            elif entries:
                self._deliver(partition, entries)
                count += len(entries)
                if len(entries) == PAGE:
                    self.note((partition,))
            elif self._blocked.get(partition):
                self._begin(partition)  # tried again when somebody notes it
        return count

    def _begin(self, partition: int) -> None:
        self._cursors.pop(partition, None)
        self._blocked.pop(partition, None)

    def _deliver(self, sender: int, entries: Sequence[_Entry]) -> None:
        field = b"from:%d" % sender
        if sender not in self._known:
            self._forget_what_was_lost(sender, field)
            self._known.add(sender)
        blocked = self._blocked.setdefault(sender, {})
        calls: dict[int, Pieces] = {}
        for entry_id, fields in entries:
            sent, position = self._read(sender, entry_id, fields), entry_id.decode()
            for event in sent.messages:
                message = deliver(event, position)
                if is_broadcast(event):
                    for target in range(self._partitions):
                        if target not in blocked:
                            call = calls.setdefault(target, Pieces(field))
                            call.add_entry(entry_id, BROADCAST, encode_broadcast(message))
                    continue
                target = partition_of(event.subject, self._partitions)
                if target not in blocked:
                    calls.setdefault(target, Pieces(field)).add_event(entry_id, encode_event(message))
            for broadcast in sent.broadcasts:
                self._spread(sender, broadcast, position)
        self._route(sender, calls)
        last = entries[-1][0]
        self._cursors[sender] = b"(" + last
        key = self._keys.of(sender).messages
        if blocked:
            self._client.call("XTRIM", key, "MINID", min(blocked.values(), key=order))
        else:
            # MINID keeps the id it names.
            self._client.call_all([("XTRIM", key, "MINID", last), ("XDEL", key, last)])

    def _route(self, sender: int, calls: dict[int, Pieces]) -> None:
        scripted = [(routing_keys(self._keys.of(target)), call.arguments()) for target, call in calls.items()]
        for (target, call), reply in zip(calls.items(), ROUTE.call_each(self._client, scripted), strict=True):
            try:
                if isinstance(reply, Exception):
                    raise reply
                check_type(reply)
            except (KeyTypeError, MovingError) as error:  # or a slot is on its way to another node
                self._blocked[sender][target] = call.first
                if isinstance(error, KeyTypeError):
                    self._tell(f"messages to partition {target} wait in their senders' partitions: {error}")

    def _read(self, sender: int, entry_id: bytes, fields: Sequence[bytes]) -> Sent:
        try:
            return read_sent(fields)
        except (ValueError, *UNREADABLE):
            place = f"{self._keys.of(sender).messages.decode()} {entry_id.decode()}"
            logger.error("an entry that no worker wrote was passed over: %s", place)  # and is gone then: told once
            return Sent([], [])

    def _spread(self, partition: int, broadcast: Event, position: str) -> None:
        """Give a message to each child in the partition. Whoever gets it twice knows it by its id."""
        keys = self._keys.of(partition)
        children = keys.index(CHILDREN)
        begin = spell(decode_parent_ended(broadcast.data or "").parent.id)
        after, until = b"[" + begin, b"(" + begin + b"\xff"
        while True:
            page = ("ZRANGE", children, after, until, "BYLEX", "LIMIT", 0, CHILDREN_PAGE)
            (members,) = self._client.call_all([page], raise_on_error=False)
            if is_wrong_type(members):
                self._tell(f"children are not told that their parent has ended: {children.decode()} is no sorted set")
            if not or_else(members, []):
                return
            names = [member[len(begin) + START_BYTES :].decode(errors="replace") for member in members]
            self._client.call_all(
                ("XADD", keys.events, "*", "e", encode_event(deliver(broadcast, position, name))) for name in names
            )
            after = b"(" + members[-1]

    def _forget_what_was_lost(self, sender: int, field: bytes) -> None:
        """What a stream holds that was rewound is delivered again: to its targets it is a duplicate, or was lost."""
        key = self._keys.of(sender).messages
        lost, end = find_lost(self._client, self._keys, self._partitions, key, field)
        if lost:
            logger.warning(
                "the stream %s ends at %s, before messages that were delivered already: it was rewound, by a failover"
                " or a restored backup, and what is in it is delivered again",
                key.decode(),
                end.decode(),
            )
            forget(self._client, lost, field)

    def _tell(self, what: str) -> None:
        if what not in self._told:
            self._told.add(what)
            logger.error("%s", what)
