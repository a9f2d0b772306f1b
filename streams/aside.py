"""Entries that were set aside in a stream of their partition: one page at a time, named `<partition>.<entry id>`."""

from collections.abc import Iterable, Iterator, Sequence

from streams.client import Client

PAGE = 100  # an entry may hold 256 KiB


def read_aside(client: Client, key: bytes, last: bytes = b"+") -> Iterator[tuple[bytes, Sequence[bytes]]]:
    """Id and fields of each entry up to the id `last`, oldest first. Raises redis.RedisError."""
    start = b"-"
    while entries := client.call("XRANGE", key, start, last, "COUNT", PAGE):
        yield from entries
        start = b"(" + entries[-1][0]
        if entries[-1][0] == last:
            return


def newest_aside(client: Client, names: Iterable[bytes]) -> list[bytes]:
    """The id of the last entry of each stream; empty where it has none. Raises redis.RedisError."""
    found = client.call_all(["XREVRANGE", key, "+", "-", "COUNT", 1] for key in names)
    return [bytes(entries[0][0]) if entries else b"" for entries in found]


def count_aside(client: Client, names: Iterable[bytes]) -> int:
    """How many entries these streams hold. Raises redis.RedisError."""
    return sum(client.call_all(["XLEN", key] for key in names))


def parse_place(text: str) -> tuple[int, str] | None:
    """Partition and entry id of `<partition>.<entry id>`, or None where the text is no such name."""
    partition, _, entry_id = text.partition(".")
    ms, dash, sequence = entry_id.partition("-")
    if not dash or not all(map(_is_number, (partition, ms, sequence))):
        return None
    return int(partition), entry_id


def _is_number(text: str) -> bool:
    """Whether Redis takes it for part of an id."""
    return text.isascii() and text.isdecimal() and len(text) <= 20 and int(text) < 2**64
