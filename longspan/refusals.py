"""Spans that the endpoint refused for good, which the exporter keeps aside with the reason."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from longspan.errors import NotFoundError

if TYPE_CHECKING:
    from streams.client import Client
    from streams.keys import Keys

_PAGE = 500

Refusal = dict[str, Any]


def list_refusals(client: "Client", keys: "Keys", partitions: int, limit: int | None = None) -> list[Refusal]:
    """What was refused, oldest first, as `id`, `at_ms`, `status`, `reason` and the rest that the exporter noted.

    `id` is `<partition>.<entry id>`; `span` is the refused span's protobuf, empty where a request was refused as a
    whole. Raises redis.RedisError.
    """
    found = [refusal for partition in range(partitions) for refusal in _read(client, keys, partition, limit)]
    found.sort(key=lambda refusal: (refusal["at_ms"], refusal["id"]))
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
    return sum(client.call_all([("XLEN", keys.of(partition).refused) for partition in range(partitions)]))


def _read(client: "Client", keys: "Keys", partition: int, limit: int | None) -> Iterator[Refusal]:
    start, found = b"-", 0
    while entries := client.call("XRANGE", keys.of(partition).refused, start, "+", "COUNT", _PAGE):
        for entry_id, flat in entries:
            yield _decode(partition, entry_id, flat)
            found += 1
            if found == limit:
                return
        start = b"(" + entries[-1][0]


def _decode(partition: int, entry_id: bytes, flat: list[bytes]) -> Refusal:
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
    partition, _, entry_id = refusal_id.partition(".")
    ms, dash, sequence = entry_id.partition("-")
    if not (partition.isdigit() and ms.isdigit() and dash and sequence.isdigit() and int(partition) < partitions):
        raise NotFoundError("refused span", refusal_id, "an id is written like 3.1763827200000-0")
    return int(partition), entry_id
