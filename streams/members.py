"""Who shares a role: the processes that are there, and how many partitions are each one's fair share."""

from collections.abc import Collection

import msgspec

from streams.client import Client
from streams.errors import check_type
from streams.owner import is_dead
from streams.scripts import ATTEND


class Share(msgspec.Struct, frozen=True):
    """The members, the one that joined first before the others, the place of one of them, and the server's time."""

    members: tuple[str, ...]
    rank: int
    now_ms: int

    def of(self, partitions: int) -> int:
        """How many partitions are this member's: even, and the oldest have what is left over.

        Who joins makes the others' shares only smaller, who leaves only larger: nobody gives up what it must take back.
        """
        each, left_over = divmod(partitions, len(self.members))
        return each + (self.rank < left_over)

    def order(self, partitions: int) -> list[int]:
        """All partitions in the order in which this member looks for free ones: who comes at once begins elsewhere."""
        begin = partitions * self.rank // len(self.members)
        return [*range(begin, partitions), *range(begin)]


class Members:
    """One process among those of a role. `name` is what it is known by, unique; it counts for `lease_ms` at a time."""

    def __init__(self, client: Client, key: bytes, name: str, lease_ms: int) -> None:
        self._client = client
        self._key = key
        self._name = name
        self._lease_ms = lease_ms
        self._joined: bytes = b""  # kept, so that who was taken for dead comes back in its old place

    def attend(self, dead: Collection[str] = ()) -> Share:
        """Be there for another lease; who is there now, without the `dead` and those that died on this machine.

        Raises redis.RedisError and KeyTypeError.
        """
        reply = ATTEND.call(self._client, [self._key], [self._name, self._joined, self._lease_ms, *dead])
        check_type(reply)
        self._joined = reply[1]
        present = zip(reply[4::2], reply[3::2], strict=True)
        members = tuple(
            name.decode(errors="replace") for _, name in sorted((int(since), name) for since, name in present)
        )
        gone = [name for name in members if name != self._name and is_dead(name)]
        return self.attend(gone) if gone else Share(members, members.index(self._name), int(reply[2]))

    def leave(self) -> None:
        """Be there no longer, so that the others need not wait. Raises redis.RedisError and KeyTypeError."""
        check_type(ATTEND.call(self._client, [self._key], [self._name, "", 0]))


def read_members(client: Client, key: bytes, now_ms: int) -> list[str]:
    """Who shares a role, the one that joined first before the others; nobody where the key is of another type.

    `now_ms` is the server's time. Raises redis.RedisError.
    """
    (members,) = client.call_all([("HGETALL", key)], raise_on_error=False)
    if not isinstance(members, list):
        return []
    found = []
    for name, times in zip(members[::2], members[1::2], strict=True):
        joined, _, until = times.partition(b" ")
        if until.isdigit() and int(until) > now_ms:
            found.append((joined, name.decode(errors="replace")))
    return [name for _, name in sorted(found)]
