"""Spans that the endpoint refused for good, which the exporter keeps aside with the reason."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from longspan.errors import NotFoundError

if TYPE_CHECKING:
    from streams.client import Client
    from streams.keys import Keys

Refusal = dict[str, Any]


def list_refusals(client: "Client", keys: "Keys", partitions: int, limit: int | None = None) -> list[Refusal]:
    """What was refused, oldest first, as `id`, `at_ms`, `status`, `reason` and the rest that the exporter noted.

    `id` is `<partition>.<entry id>`; `span` is the refused span's protobuf, empty where a request was refused as a
    whole. Raises redis.RedisError.
    """
    found = [refusal for partition in range(partitions) for refusal in _read(client, keys, partition, limit)]
    found.sort(key=lambda refusal: refusal["at_ms"])  # stable: within a partition they are in order already
    return found[:limit]


def get_refusal(client: "Client", keys: "Keys", partitions: int, refusal_id: str) -> Refusal:
    """One refusal. Raises NotFoundError, redis.RedisError."""
    partition, entry_id = _split(refusal_id, partitions)
    entries = client.call("XRANGE", keys.of(partition).refused, entry_id, entry_id)
    if not entries:
        raise NotFoundError("refused span", refusal_id, "see longspan deadletters list --spans")
    return _decode(partition, *entries[0])


def drop_refusals(client: "Client", keys: "Keys", partitions: int, refusal_ids: Iterable[str]) -> int:
    """Delete refusals; how many. Raises NotFoundError for an id that is none, redis.RedisError."""
    named = [_split(refusal_id, partitions) for refusal_id in refusal_ids]
    return sum(client.call_all([("XDEL", keys.of(partition).refused, entry_id) for partition, entry_id in named]))


def count_refusals(client: "Client", keys: "Keys", partitions: int) -> int:
    """How many there are. Raises redis.RedisError."""
    from streams.aside import count_aside

    return count_aside(client, (keys.of(partition).refused for partition in range(partitions)))


def _read(client: "Client", keys: "Keys", partition: int, limit: int | None) -> Iterator[Refusal]:
    from streams.aside import read_aside

    entries = islice(read_aside(client, keys.of(partition).refused), limit)
    return (_decode(partition, entry_id, flat) for entry_id, flat in entries)


def _decode(partition: int, entry_id: bytes, flat: Sequence[bytes]) -> Refusal:
    fields = dict(zip(flat[::2], flat[1::2], strict=False))
    span = fields.pop(b"span", b"")
    told = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in fields.items()}
    return {
        "id": f"{partition}.{entry_id.decode()}",
        "at_ms": int(entry_id.partition(b"-")[0]),
        **told,
        "span": span,
    }


def _split(refusal_id: str, partitions: int) -> tuple[int, str]:
    from streams.aside import parse_place

    place = parse_place(refusal_id)
    if place is None or place[0] >= partitions:
        raise NotFoundError("refused span", refusal_id, "an id is written like 3.1763827200000-0")
    return place
