"""Commands on keys of one partition, collected and put in the order in which a script can run them safely."""

from collections.abc import Sequence

ARGUMENTS = 1_000  # of one command; Lua unpacks fewer than 8,000

Argument = bytes | str


class Writes:
    """Collected commands. `first` are the keys, with the types they must have, that the script is given before all."""

    def __init__(self, first: Sequence[bytes]) -> None:
        self._positions: dict[bytes, int] = {key: position for position, key in enumerate(first, 1)}
        self._types: list[str] = []
        self._commands: list[Argument | int] = []
        self._ranked: dict[bytes, dict[bytes, Argument | int]] = {}  # members of sorted sets, and their scores
        self._unranked: dict[bytes, dict[bytes, None]] = {}  # members that go from them
        self._removed: dict[bytes, dict[bytes, None]] = {}  # fields that go from hashes
        self._deleted: dict[bytes, None] = {}

    def add(self, command: str, key: bytes, kind: str, *arguments: Argument) -> None:
        """A command on one key, which must hold `kind` or nothing.

        Of ZADD and ZREM the last one counts for a member. What is taken away goes last, once for each key: while a
        cluster moves the slot, a script that touches a key again which it has emptied fails there, half-way.
        """
        if command == "ZREM":
            for member in map(_encoded, arguments):
                self.unrank(key, member)
        elif command == "ZADD" and arguments[0] not in ("XX", "NX"):
            for score, member in zip(arguments[::2], map(_encoded, arguments[1::2]), strict=True):
                self.rank(key, member, score)
        elif command == "HDEL":
            self._place(key, kind)
            self._removed.setdefault(key, {}).update(dict.fromkeys(map(_encoded, arguments)))
        elif command == "DEL":
            self._place(key, kind)
            self._deleted[key] = None
        else:
            self.write(command, key, kind, arguments)

    def write(self, command: str, key: bytes, kind: str, arguments: Sequence[Argument]) -> None:
        """As `add`, of a command that goes as it is and in its order: none that `add` keeps back."""
        assert key not in self._deleted, f"{key!r} is deleted by this commit"
        self._commands += (len(arguments), self._place(key, kind), command, *arguments)

    def rank(self, key: bytes, member: bytes, score: Argument | int) -> None:
        """Put a member into a sorted set, or move it there."""
        ranked = self._ranked.get(key)
        if ranked is None:
            self._place(key, "zset")
            ranked = self._ranked[key] = {}
        ranked[member] = score
        unranked = self._unranked.get(key)
        if unranked is not None:
            unranked.pop(member, None)

    def unrank(self, key: bytes, member: bytes) -> None:
        """Take a member out of a sorted set."""
        unranked = self._unranked.get(key)
        if unranked is None:
            self._place(key, "zset")
            unranked = self._unranked[key] = {}
        unranked[member] = None
        ranked = self._ranked.get(key)
        if ranked is not None:
            ranked.pop(member, None)

    def add_each(self, command: str, key: bytes, kind: str, arguments: Sequence[Argument]) -> None:
        """As `write`, of any number of arguments: in several commands where Lua could not unpack them at once."""
        for start in range(0, len(arguments), ARGUMENTS):
            self.write(command, key, kind, arguments[start : start + ARGUMENTS])

    def replace_list(self, key: bytes, items: Sequence[Argument]) -> None:
        """Put items into a list in place of what it holds, which never is empty on the way."""
        if items:
            self.add_each("RPUSH", key, "list", items)
            self.add("LTRIM", key, "list", str(-len(items)), "-1")
        else:
            self.add("DEL", key, "list")

    @property
    def keys(self) -> list[bytes]:
        """KEYS of the script."""
        return list(self._positions)

    @property
    def types(self) -> str:
        """The types of the keys behind the first ones, separated by spaces."""
        return " ".join(self._types)

    def commands(self) -> list[Argument | int]:
        """Each command as: number of its arguments, index of its key, name, arguments."""
        commands = list(self._commands)
        for key, ranked in self._ranked.items():
            self._put(commands, "ZADD", key, [part for member, score in ranked.items() for part in (score, member)])
        for command, taken in (("ZREM", self._unranked), ("HDEL", self._removed)):
            for key, members in taken.items():
                self._put(commands, command, key, list(members))
        for key in self._deleted:
            commands += (0, self._positions[key], "DEL")
        return commands

    def _place(self, key: bytes, kind: str) -> int:
        position = self._positions.get(key)
        if position is None:
            position = self._positions[key] = len(self._positions) + 1
            self._types.append(kind)
        return position

    def _put(
        self, commands: list[Argument | int], command: str, key: bytes, arguments: Sequence[Argument | int]
    ) -> None:
        position = self._positions[key]
        for start in range(0, len(arguments), ARGUMENTS):
            part = arguments[start : start + ARGUMENTS]
            commands += (len(part), position, command, *part)


def _encoded(member: Argument) -> bytes:
    return member if isinstance(member, bytes) else member.encode()
