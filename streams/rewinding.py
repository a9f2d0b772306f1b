"""An ingress stream that lost its end in a failover: positions in what is gone would pass over what comes next."""

import logging

import redis

from streams.client import Client
from streams.errors import KeyTypeError, check_type
from streams.keys import Keys, PartitionKeys
from streams.scripts import PASS_OVER, ROUTE

logger = logging.getLogger(__name__)


def forget_what_was_lost(client: Client, keys: Keys, partitions: int) -> None:
    """Where partitions had been given entries beyond the stream's end, let them begin anew with what is in it.

    What they had been given of that already is a duplicate to their workflows. A stream that is gone altogether says
    nothing: when there is one again, its ids go on by the server's time. Raises redis.RedisError.
    """
    owned = [keys.of(partition) for partition in range(partitions)]
    # First these: a healthy stream ends no earlier than what any partition had been given before it was asked.
    positions = client.call_all((("HGET", each.meta, "routed") for each in owned), raise_on_error=False)
    (facts,) = client.call_all([("XINFO", "STREAM", keys.events)], raise_on_error=False)
    if isinstance(facts, redis.ResponseError):
        return
    end = dict(zip(facts[::2], facts[1::2], strict=True))[b"last-generated-id"]
    lost = [
        (each, position)
        for each, position in zip(owned, positions, strict=True)
        if isinstance(position, bytes) and order(position) > order(end)
    ]
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
    for reply in ROUTE.call_each(client, [(routing_keys(each), (position,)) for each, position in lost]):
        if isinstance(reply, Exception):
            raise reply


def routing_keys(owned: PartitionKeys) -> tuple[bytes, bytes, bytes]:
    """KEYS of the script that routes to a partition."""
    return owned.meta, owned.events, owned.dead


def order(entry_id: bytes) -> tuple[int, int]:
    """What ids of stream entries are compared by: milliseconds and number."""
    milliseconds, _, number = entry_id.partition(b"-")
    return int(milliseconds), int(number)
