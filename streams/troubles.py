"""What is wrong with polling a workflow: written by who polls it, read by who tells of it, gone when it is well."""

from collections.abc import Mapping

import msgspec

from streams.client import Client
from streams.errors import UNREADABLE, or_else
from streams.exchange import Command
from streams.keys import Keys, PartitionKeys

DETAIL_LIMIT = 500  # characters that are kept

_encode = msgspec.msgpack.Encoder().encode


class Trouble(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is wrong: a `kind` such as `timeout` or `status-404`, the `detail` for people, and since when (ms)."""

    kind: str
    detail: str
    since_ms: int


_decode = msgspec.msgpack.Decoder(Trouble).decode


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
    """What is kept of a partition, by workflow; None where it cannot be read. Raises redis.RedisError."""
    (reply,) = client.call_all([("HGETALL", keys.of(partition).troubles)], raise_on_error=False)
    flat = or_else(reply, [])
    return {
        name.decode(errors="replace"): read_trouble(stored) for name, stored in zip(flat[::2], flat[1::2], strict=True)
    }


def write_troubles(client: Client, keys: Keys, told: Mapping[tuple[int, str], Trouble | None]) -> None:
    """Keep troubles by (partition, workflow), and forget those that are None. Raises redis.RedisError.

    A key of another type is left alone: this is for people to look at, and nothing depends on it.
    """
    commands: list[Command] = []
    for (partition, workflow_id), trouble in told.items():
        key = keys.of(partition).troubles
        if trouble is None:
            commands.append(("HDEL", key, workflow_id))
        else:
            short = msgspec.structs.replace(trouble, detail=trouble.detail[:DETAIL_LIMIT])
            commands.append(("HSET", key, workflow_id, _encode(short)))
    for reply in client.call_all(commands, raise_on_error=False):
        or_else(reply, None)
