"""Entries that were set aside in a stream of their partition: one page at a time, named `<partition>.<entry id>`."""

from collections.abc import Iterable, Iterator, Sequence

from streams.client import Client

PAGE = 500


def read_aside(client: Client, key: bytes) -> Iterator[tuple[bytes, Sequence[bytes]]]:
    """Id and fields of each entry, oldest first. Raises redis.RedisError."""
    start = b"-"
    while entries := client.call("XRANGE", key, start, "+", "COUNT", PAGE):
        yield from entries
        start = b"(" + entries[-1][0]


def count_aside(client: Client, names: Iterable[bytes]) -> int:
    """How many entries these streams hold. Raises redis.RedisError."""
    return sum(client.call_all(["XLEN", key] for key in names))


def parse_place(text: str) -> tuple[int, str] | None:
    """Partition and entry id of `<partition>.<entry id>`, or None where the text is no such name."""
    partition, _, entry_id = text.partition(".")
    ms, dash, sequence = entry_id.partition("-")
    if not all(number.isdecimal() and len(number) <= 20 for number in (partition, ms, sequence)) or not dash:
        return None
    return int(partition), entry_id
