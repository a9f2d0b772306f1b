"""Who polls, and where nobody does although there is something to be polled."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from machines.catalog import Catalog
from streams.client import Client
from streams.keys import Keys, partition_of
from streams.members import read_members


class Duty(NamedTuple):
    """What there is to be polled: machines whose workflows are asked for, and those of them that have a list."""

    machines: Sequence[str]
    lists: Sequence[str]


class Attendance(NamedTuple):
    """The names of the pollers that are there, how many workflows run that are to be polled, and the partitions that
    have some, or a list, and no poller."""

    pollers: list[str]
    running: int
    unattended: list[int]


def find_duty(catalog: Catalog) -> Duty:
    """What the machines of a catalog want of pollers."""
    polled = sorted({machine.name for machine in catalog if machine.source is not None})
    latest = {name: catalog.latest(name) for name in polled}
    lists = [name for name, machine in latest.items() if machine and machine.source and machine.source.collection]
    return Duty(polled, lists)


def read_attendance(client: Client, keys: Keys, partitions: int, duty: Duty) -> Attendance:
    """Look at all partitions in three round trips. Nothing is written. Raises redis.RedisError."""
    seconds, microseconds = client.call("TIME")
    now_ms = int(seconds) * 1_000 + int(microseconds) // 1_000
    owned = [keys.of(number) for number in range(partitions)]
    commands: list[Sequence[bytes | str]] = [("HMGET", each.poller, "nonce", "until") for each in owned]
    commands += [("ZCARD", each.index(f"listed:running:{name}".encode())) for each in owned for name in duty.machines]
    replies = client.call_all(commands, raise_on_error=False)
    counts = [reply if isinstance(reply, int) else 0 for reply in replies[partitions:]]
    width = len(duty.machines)
    running = [sum(counts[number * width : (number + 1) * width]) for number in range(partitions)]
    listing = {partition_of(name, partitions) for name in duty.lists}
    unattended = [
        number
        for number, reply in enumerate(replies[:partitions])
        if (running[number] or number in listing) and not _is_held(reply, now_ms)
    ]
    return Attendance(read_members(client, keys.pollers, now_ms), sum(running), unattended)


def _is_held(reply: Any, now_ms: int) -> bool:
    if not isinstance(reply, list) or reply[0] is None:
        return False
    return (reply[1] or b"").isdigit() and int(reply[1]) > now_ms
