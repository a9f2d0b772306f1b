"""The outbox: what has been committed and not yet acknowledged by the OTLP endpoint."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import redis

from streams.client import Client, read_streams
from streams.errors import UNREADABLE, FencedError, KeyTypeError, MovingError, SpoiltPartitionError, check_type
from streams.journals import OpenJournal, open_journals
from streams.keys import Keys, partition_of, run_member
from streams.scripts import ACKNOWLEDGE, REFUSE

logger = logging.getLogger(__name__)


class OutboxItem(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A run to be exported up to `entries` journal entries; `last` when it has ended there."""

    workflow_id: str
    run: int
    entries: int
    last: bool


class OutboxEntry(msgspec.Struct, frozen=True, gc=False):
    """What one commit put into the outbox of a partition; `newer` where a newer version of Longspan did."""

    partition: int
    entry_id: bytes
    items: list[OutboxItem]
    newer: bool = False


@dataclass(slots=True)
class Acknowledgement:
    """What the endpoint has judged of a partition; `children` were sent with their parents, of whatever partition.

    `entry_ids` are done, `states` are to be kept (None: dropped) of runs, and retention begins for `ended`.
    """

    entry_ids: list[bytes] = field(default_factory=list)
    states: list[tuple[OutboxItem, bytes | None]] = field(default_factory=list)
    ended: list[OutboxItem] = field(default_factory=list)
    children: list[tuple[str, int]] = field(default_factory=list)


encode_items = msgspec.msgpack.Encoder().encode
_NEWER = re.compile(rb"b[0-9]+")  # the field of an entry: `b` in this format, and in later ones with their number
_decode_items = msgspec.msgpack.Decoder(list[OutboxItem]).decode


class Outbox:
    """Reads, acknowledges and sets aside; knows nothing of spans.

    Raises redis.RedisError throughout, and SpoiltPartitionError where a key of a partition holds another type.
    """

    def __init__(self, client: Client, keys: Keys, partitions: int) -> None:
        self._client = client
        self._keys = keys
        self.partitions = partitions

    def read(self, after: Mapping[int, bytes], count: int, block_ms: int) -> list[OutboxEntry]:
        """Up to `count` entries of each partition in `after`, behind the entry id given there; waits for `block_ms`."""
        if not after:
            return []
        by_key = {self._keys.of(partition).outbox: partition for partition in after}
        positions = dict(zip(by_key, after.values(), strict=True))
        try:
            reply = read_streams(self._client, positions, count, block_ms)
        except KeyTypeError as error:
            raise SpoiltPartitionError(by_key[error.key], error) from None
        return [
            _read_entry(by_key[key], key, entry_id, fields)
            for key, entries in reply.items()
            for entry_id, fields in entries
        ]

    def find_lost(self, held: Mapping[int, bytes]) -> set[bytes]:
        """Those of these nonces that the export leases of their partitions do not have any more.

        An empty one stands for no lease.
        """
        checked = {partition: nonce for partition, nonce in held.items() if nonce}
        if not checked:
            return set()
        replies = self._client.call_all(
            (["HMGET", self._keys.of(partition).exporter, "nonce"] for partition in checked), raise_on_error=False
        )
        return {nonce for nonce, reply in zip(checked.values(), replies, strict=True) if reply != [nonce]}

    def journals(self, wanted: Sequence[tuple[int, OutboxItem, int]]) -> list[list[bytes]]:
        """For each (partition, item, index): the header, then the entries from that index (at least 1) up to
        `item.entries`, in one round trip.

        A journal that is gone comes as an empty list.
        """
        commands: list[list[bytes | str | int]] = []
        for partition, item, start in wanted:
            key = self._keys.of(partition).journal(item.workflow_id, item.run)
            if start > 1:
                commands.append(["LRANGE", key, 0, 0])
            commands.append(["LRANGE", key, start if start > 1 else 0, item.entries - 1])
        replies = iter(self._client.call_all(commands))
        return [next(replies) + next(replies) if start > 1 else next(replies) for _, _, start in wanted]

    def states(self, items: Sequence[tuple[int, OutboxItem]]) -> list[bytes | None]:
        """The trace state that was kept of each run, of any partition, or None; in one round trip."""
        by_partition: dict[int, list[bytes]] = {}
        for partition, item in items:
            name = self._keys.of(partition).trace(item.workflow_id, item.run)
            by_partition.setdefault(partition, []).append(name)
        replies = self._client.call_all(("MGET", *names) for names in by_partition.values())
        found = dict(zip(by_partition, map(iter, replies), strict=True))
        return [next(found[partition]) for partition, _ in items]

    def acknowledge(self, partition: int, part: Acknowledgement, now_ms: int, nonce: bytes = b"") -> None:
        """As `acknowledge_each`, of one partition. Raises FencedError."""
        error = self.acknowledge_each({partition: (nonce, part)}, now_ms)[partition]
        if error is not None:
            raise error

    def acknowledge_each(
        self, parts: Mapping[int, tuple[bytes, Acknowledgement]], now_ms: int
    ) -> dict[int, SpoiltPartitionError | FencedError | MovingError | None]:
        """Take entries out of the outbox, keep or drop trace states, and let the retention of ended runs begin.

        In one round trip; what became of each partition, None where all is well. With a nonce, the one under which the
        spans were sent, it counts only while the partition's export lease has it: also one that ran out, as long as
        nobody took it. Else nothing is written, and it is a FencedError. Nor is anything where the partition's slot is
        being moved, which is a MovingError.
        """
        if not parts:
            return {}
        calls: list[tuple[list[bytes], list[bytes | str | int]]] = []
        for partition, (nonce, part) in parts.items():
            keys = self._keys.of(partition)
            marks = [told for item in part.ended for told in (now_ms, run_member(item.workflow_id, item.run))]
            traces = (keys.trace(item.workflow_id, item.run) for item, _ in part.states)
            states = (state or b"" for _, state in part.states)
            calls.append(
                (
                    [keys.outbox, keys.ended, keys.exporter, *traces],
                    [nonce, len(part.entry_ids), *part.entry_ids, len(part.ended), *marks, *states],
                )
            )
        outcomes: dict[int, SpoiltPartitionError | FencedError | MovingError | None] = {}
        for partition, reply in zip(parts, ACKNOWLEDGE.call_each(self._client, calls), strict=True):
            if isinstance(reply, MovingError):
                outcomes[partition] = reply
                continue
            if isinstance(reply, Exception):
                raise reply
            outcomes[partition] = None
            try:
                _check(partition, reply)
            except SpoiltPartitionError as error:
                outcomes[partition] = error
            if reply[0] == b"fenced":
                outcomes[partition] = FencedError(partition)
        return outcomes

    def deliver_children(self, runs: Sequence[tuple[str, int]], now_ms: int) -> set[int]:
        """Let the retention begin of runs, of any partition, whose spans were sent with those of their parent.

        The partitions where that has to be tried again, since their slots are being moved. It is no matter of leases:
        whoever sent them says so, and may say it twice.
        """
        by_partition: dict[int, list[bytes]] = {}
        for workflow_id, run in runs:
            partition = partition_of(workflow_id, self.partitions)
            by_partition.setdefault(partition, []).append(run_member(workflow_id, run))
        calls: list[tuple[list[bytes], list[bytes | str | int]]] = []
        for partition, members in by_partition.items():
            keys = self._keys.of(partition)
            marks = [part for member in members for part in (now_ms, member)]
            calls.append(([keys.outbox, keys.ended, keys.exporter], [b"", 0, len(members), *marks]))
        moving: set[int] = set()
        for partition, reply in zip(by_partition, ACKNOWLEDGE.call_each(self._client, calls), strict=True):
            if isinstance(reply, MovingError):
                moving.add(partition)
                continue
            if isinstance(reply, Exception):
                raise reply
            try:
                _check(partition, reply)
            except SpoiltPartitionError as error:
                # The parent's partition is well, and has to go on.
                logger.error("children were delivered, but stay unmarked: %s", error, extra={"partition": partition})
        return moving

    def children(self, runs: Sequence[tuple[str, int]]) -> list[OpenJournal | Exception | None]:
        """The journals of runs, of any partition, begun in one go; None where there is none, or why it cannot be read.

        A NewerSnapshotError among them: a newer version of Longspan can read that one.
        """
        try:
            return list(open_journals(self._client, self._keys, self.partitions, runs))
        except redis.ResponseError as error:  # a key that holds something else spoils the answer for all
            return [error] if len(runs) == 1 else [found for run in runs for found in self.children([run])]

    def refuse(self, partition: int, span: bytes, fields: Mapping[str, str]) -> None:
        """Keep what the endpoint refused, with the reason."""
        flat = [part for pair in fields.items() for part in pair]
        _check(partition, REFUSE.call(self._client, [self._keys.of(partition).refused], [*flat, "span", span]))


def _check(partition: int, reply: Sequence[bytes]) -> None:
    try:
        check_type(reply)
    except KeyTypeError as error:
        raise SpoiltPartitionError(partition, error) from None


def _read_entry(partition: int, key: bytes, entry_id: bytes, fields: Sequence[bytes]) -> OutboxEntry:
    place, about = f"{key.decode()} {entry_id.decode()}", {"partition": partition}
    if _NEWER.fullmatch(fields[0]):
        what = "an entry of a newer version of Longspan is left to an exporter of that version: %s"
        logger.warning(what, place, extra=about)
        return OutboxEntry(partition, entry_id, [], newer=True)
    try:
        return OutboxEntry(partition, entry_id, _decode_items(fields[1]))
    except UNREADABLE:
        logger.error("an entry that no worker wrote was passed over: %s", place, extra=about)
        return OutboxEntry(partition, entry_id, [])
