"""Commands on keys of one partition, collected and put in the order in which a script can run them safely."""

from collections.abc import Iterable, Sequence

ARGUMENTS = 1_000  # of one command; Lua unpacks fewer than 8,000

Argument = bytes | str


class Writes:
    """Collected commands. `first` are the keys, with the types they must have, that the script is given before all."""

    def __init__(self, first: Sequence[bytes]) -> None:
        self._positions: dict[bytes, int] = {key: position for position, key in enumerate(first, 1)}
        self._types: list[str] = []
        self._commands: list[Argument | int] = []
        self._ranked: dict[bytes, dict[bytes, Argument | int]] = {}  # members of sorted sets, and their scores
        self._removed: dict[tuple[bytes, str], dict[bytes, None]] = {}  # members, by key and command
        self._deleted: dict[bytes, None] = {}

    def add(self, command: str, key: bytes, kind: str, *arguments: Argument) -> None:
        """A command on one key, which must hold `kind` or nothing.

        Of ZADD and ZREM the last one counts for a member. What is taken away goes last, once for each key: while a
        cluster moves the slot, a script that touches a key again which it has emptied fails there, half-way.
        """
        position = self._place(key, kind)
        if command == "ZREM":
            for member in map(_encoded, arguments):
                self.unrank(key, member)
        elif command == "ZADD" and arguments[0] not in ("XX", "NX"):
            for score, member in zip(arguments[::2], map(_encoded, arguments[1::2]), strict=True):
                self.rank(key, member, score)
        elif command == "HDEL":
            self._removed.setdefault((key, command), {}).update(dict.fromkeys(map(_encoded, arguments)))
        elif command == "DEL":
            self._deleted[key] = None
        else:
            assert key not in self._deleted, f"{key!r} is deleted by this commit"
            self._commands += (len(arguments), position, command, *arguments)

    def rank(self, key: bytes, member: bytes, score: Argument | int) -> None:
        """Put a member into a sorted set, or move it there."""
        ranked = self._ranked.get(key)
        if ranked is None:
            self._place(key, "zset")
            ranked = self._ranked[key] = {}
        ranked[member] = score
        removed = self._removed.get((key, "ZREM"))
        if removed is not None:
            removed.pop(member, None)

    def unrank(self, key: bytes, member: bytes) -> None:
        """Take a member out of a sorted set."""
        removed = self._removed.get((key, "ZREM"))
        if removed is None:
            self._place(key, "zset")
            removed = self._removed[key, "ZREM"] = {}
        removed[member] = None
        ranked = self._ranked.get(key)
        if ranked is not None:
            ranked.pop(member, None)

    def add_each(self, command: str, key: bytes, kind: str, arguments: Sequence[Argument]) -> None:
        """A command that takes any number of arguments, in several where Lua could not unpack them at once."""
        for start in range(0, len(arguments), ARGUMENTS):
            self.add(command, key, kind, *arguments[start : start + ARGUMENTS])

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
            pairs = [part for member, score in ranked.items() for part in (score, member)]
            commands += self._in_parts("ZADD", key, pairs)
        for (key, command), members in self._removed.items():
            commands += self._in_parts(command, key, list(members))
        for key in self._deleted:
            commands += (0, self._positions[key], "DEL")
        return commands

    def _place(self, key: bytes, kind: str) -> int:
        position = self._positions.get(key)
        if position is None:
            position = self._positions[key] = len(self._positions) + 1
            self._types.append(kind)
        return position

    def _in_parts(self, command: str, key: bytes, arguments: Sequence[Argument | int]) -> Iterable[Argument | int]:
        for start in range(0, len(arguments), ARGUMENTS):
            part = arguments[start : start + ARGUMENTS]
            yield from (len(part), self._positions[key], command, *part)


def _encoded(member: Argument) -> bytes:
    return member if isinstance(member, bytes) else member.encode()
