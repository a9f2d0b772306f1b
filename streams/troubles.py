"""What is wrong with polling a workflow, or the list of a machine: written by who polls it, gone when it is well."""

from collections import Counter
from collections.abc import Mapping

import msgspec

from streams.client import Client
from streams.errors import UNREADABLE, or_else
from streams.exchange import Command
from streams.keys import Keys, PartitionKeys, partition_of

DETAIL_LIMIT = 500  # characters that are kept

_encode = msgspec.msgpack.Encoder().encode


class Trouble(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is wrong: a `kind` such as `timeout` or `status-404`, the `detail` for people, and since when (ms)."""

    kind: str
    detail: str
    since_ms: int


# What keeps the fields of lists apart from those of workflows, whose ids are printable.
_LIST = "\n"

_decode = msgspec.msgpack.Decoder(Trouble).decode


def name_list(machine: str) -> str:
    """What the list of a machine is called beside workflows."""
    return _LIST + machine


def listed_machine(name: str) -> str | None:
    """The machine of whose list this is the name; None where it is the id of a workflow."""
    return name.removeprefix(_LIST) if name.startswith(_LIST) else None


def read_list_trouble(client: Client, keys: Keys, partitions: int, machine: str) -> Trouble | None:
    """What is wrong with the list of a machine, kept where its name belongs. Raises redis.RedisError."""
    owned = keys.of(partition_of(machine, partitions))
    (reply,) = client.call_all([ask_trouble(owned, name_list(machine))], raise_on_error=False)
    return read_trouble(or_else(reply, None))


def ask_trouble(owned: PartitionKeys, workflow_id: str) -> Command:
    """The command whose reply `read_trouble` understands."""
    return ("HGET", owned.troubles, workflow_id)


def read_trouble(reply: object) -> Trouble | None:
    """The trouble in a reply; None where there is none, or none that this version can read."""
    if not isinstance(reply, bytes):
        return None
    try:
        return _decode(reply)
    except UNREADABLE:
        return None


def read_troubles(client: Client, keys: Keys, partition: int) -> dict[str, Trouble | None]:
    """What is kept of a partition, by name; None where it cannot be read. Raises redis.RedisError."""
    (reply,) = client.call_all([("HGETALL", keys.of(partition).troubles)], raise_on_error=False)
    flat = or_else(reply, [])
    return {
        name.decode(errors="replace"): read_trouble(stored) for name, stored in zip(flat[::2], flat[1::2], strict=True)
    }


def survey_troubles(client: Client, keys: Keys, partitions: int) -> tuple[Counter[str], dict[str, Trouble]]:
    """How many workflows have which kind of trouble, and that of lists by machine. Raises redis.RedisError."""
    kinds: Counter[str] = Counter()
    lists: dict[str, Trouble] = {}
    for partition in range(partitions):  # one after the other: all of them together may be much
        for name, trouble in read_troubles(client, keys, partition).items():
            machine = listed_machine(name)
            if trouble is None:
                continue
            if machine is None:
                kinds[trouble.kind] += 1
            else:
                lists[machine] = trouble
    return kinds, lists


def write_troubles(client: Client, keys: Keys, told: Mapping[tuple[int, str], Trouble | None]) -> None:
    """Keep troubles by (partition, name), and forget those that are None. Raises redis.RedisError.

    A key of another type is left alone: this is for people to look at, and nothing depends on it.
    """
    commands: list[Command] = []
    for (partition, name), trouble in told.items():
        key = keys.of(partition).troubles
        if trouble is None:
            commands.append(("HDEL", key, name))
        else:
            short = msgspec.structs.replace(trouble, detail=trouble.detail[:DETAIL_LIMIT])
            commands.append(("HSET", key, name, _encode(short)))
    for reply in client.call_all(commands, raise_on_error=False):
        or_else(reply, None)
