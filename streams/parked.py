"""Parked events: those that wait for a machine which no worker has loaded, read beside the dead letters."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

import msgspec

from machines.changes import Held
from machines.errors import SnapshotError
from machines.events import Event
from machines.parked import Discard, Identity, awaited_machine, is_parked
from machines.snapshot import Snapshot, decode_snapshot
from streams.client import Client
from streams.errors import UNREADABLE
from streams.exchange import Command
from streams.keys import Keys

PAGE = 20  # workflows: of each, a thousand events may wait
DISCARD = b"d"  # the field of an entry of a partition's stream that holds a Discard

_decode_held = msgspec.msgpack.Decoder(Held).decode
_encode = msgspec.msgpack.Encoder().encode


class Parked(msgspec.Struct, frozen=True):
    """A parked event, the machine that it waits for, and since when; `version` is None where any version would do."""

    partition: int
    event: Event
    machine: str
    version: int | None
    since_ms: int

    @property
    def id(self) -> str:
        """What it is called in lists: the same for as long as it waits."""
        named = repr((self.event.subject, self.event.identity)).encode()
        return f"{self.partition}.parked-{blake2b(named, digest_size=8).hexdigest()}"


def read_parked(client: Client, keys: Keys, partitions: Iterable[int]) -> Iterator[Parked]:
    """The parked events of these partitions, workflow by workflow, in order. Raises redis.RedisError."""
    for partition in partitions:
        owned = keys.of(partition)
        start = 0
        while members := client.call("ZRANGE", owned.parked, start, start + PAGE - 1):
            subjects = [member.decode(errors="replace") for member in members]
            stored = client.call("MGET", *map(owned.workflow, subjects))
            lists = client.call_all((["LRANGE", owned.waiting(one), 0, -1] for one in subjects), raise_on_error=False)
            for snapshot, waiting in zip(stored, lists, strict=True):
                yield from _read_workflow(partition, snapshot, waiting)
            start += PAGE


def find_parked(client: Client, keys: Keys, partition: int, parked_id: str) -> Parked | None:
    """The parked event of an id, None where it waits no longer. Raises redis.RedisError."""
    return next((parked for parked in read_parked(client, keys, [partition]) if parked.id == parked_id), None)


def count_awaited(client: Client, keys: Keys, partitions: int) -> dict[tuple[str, int | None], int]:
    """How many workflows wait for each machine, by name and version. Raises redis.RedisError."""
    waiting = {
        (parked.machine, parked.version, parked.event.subject)
        for parked in read_parked(client, keys, range(partitions))
    }
    return dict(Counter((machine, version) for machine, version, _ in waiting))


def ask_to_discard(client: Client, keys: Keys, parked: Iterable[Parked]) -> int:
    """Have parked events dropped by the worker that holds their partition; of how many that was asked.

    The worker keeps workflows in memory, so nobody else may change them: the order goes through its stream, behind
    what came before. Asking twice changes nothing. Raises redis.RedisError.
    """
    chosen: dict[tuple[int, str], list[Identity]] = {}
    for one in parked:
        chosen.setdefault((one.partition, one.event.subject), []).append(one.event.identity)
    orders: list[Command] = [
        ["XADD", keys.of(partition).events, "*", DISCARD, _encode(Discard(subject, identities))]
        for (partition, subject), identities in chosen.items()
    ]
    if orders:
        client.call_all(orders)
    return sum(map(len, chosen.values()))


def _read_workflow(partition: int, stored: bytes | None, waiting: Sequence[bytes] | Exception) -> Iterator[Parked]:
    """Nothing of what cannot be read: the next event of the workflow says so."""
    try:
        snapshot = Snapshot() if stored is None else decode_snapshot(stored)
        held = [] if isinstance(waiting, Exception) else [_decode_held(item) for item in waiting]
    except (SnapshotError, *UNREADABLE):
        return
    for one in held:
        if is_parked(one):
            machine, version = awaited_machine(snapshot, one.event)
            yield Parked(partition, one.event, machine, version, one.since_ms)
