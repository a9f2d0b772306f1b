"""An ingress stream that lost its end in a failover: positions in what is gone would pass over what comes next."""

import logging
from collections.abc import Sequence

import redis

from streams.client import Client
from streams.errors import KeyTypeError, check_type
from streams.keys import Keys, PartitionKeys
from streams.scripts import PASS_OVER, ROUTE

logger = logging.getLogger(__name__)

ROUTED = b"routed"  # the field of a partition's meta that says how far the ingress stream was taken in


def forget_what_was_lost(client: Client, keys: Keys, partitions: int) -> None:
    """Where partitions had been given entries beyond the stream's end, let them begin anew with what is in it.

    What they had been given of that already is a duplicate to their workflows. A stream that is gone altogether says
    nothing: when there is one again, its ids go on by the server's time. Raises redis.RedisError.
    """
    lost, end = find_lost(client, keys, partitions, keys.events, ROUTED)
    if not lost:
        return
    logger.warning(
        "the stream %s ends at %s, before entries that were routed already: it was rewound, by a failover or a restored"
        " backup, and what is in it is routed again",
        keys.events.decode(),
        end.decode(),
    )
    try:
        check_type(PASS_OVER.call(client, [keys.routed], []))
    except KeyTypeError as error:
        logger.warning("it cannot be noted how far it is routed: %s", error)
    forget(client, lost, ROUTED)


def find_lost(
    client: Client, keys: Keys, partitions: int, stream: bytes, field: bytes
) -> tuple[list[tuple[PartitionKeys, bytes]], bytes]:
    """The partitions whose position in a stream, a `field` of their meta, lies beyond its end, and that end."""
    owned = [keys.of(partition) for partition in range(partitions)]
    # First these: a healthy stream ends no earlier than what any partition had been given before it was asked.
    positions = client.call_all((("HGET", each.meta, field) for each in owned), raise_on_error=False)
    (facts,) = client.call_all([("XINFO", "STREAM", stream)], raise_on_error=False)
    if isinstance(facts, redis.ResponseError):
        return [], b""
    end: bytes = dict(zip(facts[::2], facts[1::2], strict=True))[b"last-generated-id"]
    lost = [
        (each, position)
        for each, position in zip(owned, positions, strict=True)
        if isinstance(position, bytes) and order(position) > order(end)
    ]
    return lost, end


def forget(client: Client, lost: Sequence[tuple[PartitionKeys, bytes]], field: bytes) -> None:
    """Let partitions begin anew with a stream. Raises redis.RedisError."""
    for reply in ROUTE.call_each(client, [(routing_keys(each), (field, position)) for each, position in lost]):
        if isinstance(reply, Exception):
            raise reply


def routing_keys(owned: PartitionKeys) -> tuple[bytes, bytes, bytes]:
    """KEYS of the script that routes to a partition."""
    return owned.meta, owned.events, owned.dead


def order(entry_id: bytes) -> tuple[int, int]:
    """What ids of stream entries are compared by: milliseconds and number."""
    milliseconds, _, number = entry_id.partition(b"-")
    return int(milliseconds), int(number)
