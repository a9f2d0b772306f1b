"""Which slot of a cluster a command belongs to."""

from collections.abc import Iterable

from redis.crc import key_slot

from streams.exchange import Command

_KEYLESS = frozenset(("ACL", "CLIENT", "CONFIG", "INFO", "PING", "TIME"))
_SUBCOMMANDS = frozenset(("XGROUP", "XINFO"))


def slot_of(command: Command) -> int | None:
    """The slot of a command's first key, None where it has no key: all keys of one command share a hash tag."""
    name = command[0]
    if name in _KEYLESS:
        return None
    if name in ("EVALSHA", "EVAL", "EVALSHA_RO", "EVAL_RO"):
        place = 3
    elif name == "XREAD":
        place = command.index("STREAMS") + 1
    else:
        place = 2 if name in _SUBCOMMANDS else 1
    key = command[place]
    return key_slot(key if isinstance(key, bytes) else str(key).encode())


def by_slot(keys: Iterable[bytes]) -> list[list[bytes]]:
    """The keys, those of one slot together."""
    groups: dict[int, list[bytes]] = {}
    for key in keys:
        groups.setdefault(key_slot(key), []).append(key)
    return list(groups.values())
