"""What is fixed at the first start under a prefix: the number of partitions and the format of the keys."""

import logging

import redis

from streams.client import Client
from streams.errors import LayoutError, is_wrong_type
from streams.keys import Keys

logger = logging.getLogger(__name__)

LAYOUT_FORMAT = 1
DEFAULT_PARTITIONS = 16
PARTITIONS_LIMIT = 1_024


def settle_partitions(client: Client, keys: Keys, wanted: int | None) -> int:
    """The number of partitions; records `wanted`, or the default, at the first start.

    Raises LayoutError when another number, or a newer format, is recorded already.
    """
    return _settle(client, keys, wanted)[0]


def settle_again(client: Client, keys: Keys, partitions: int) -> None:
    """Record what was settled at the start of this process anew, and say so, where Redis has lost its data.

    Raises LayoutError when something else is recorded by now.
    """
    if _settle(client, keys, partitions)[1]:
        logger.warning(
            "Redis has lost what was under prefix %s: workflows begin anew, in %d partitions as before; what was sent"
            " has to be sent again",
            keys.prefix,
            partitions,
        )


def _settle(client: Client, keys: Keys, wanted: int | None) -> tuple[int, bool]:
    """The number of partitions, and whether it was recorded by this call."""
    recorded = False
    try:
        stored = client.call("HMGET", keys.layout, "partitions", "format")
        if None in stored:  # not otherwise: a server whose memory is full takes no write, and is to be drained
            recorded = client.call("HSETNX", keys.layout, "partitions", wanted or DEFAULT_PARTITIONS) == 1
            client.call("HSETNX", keys.layout, "format", LAYOUT_FORMAT)
            stored = client.call("HMGET", keys.layout, "partitions", "format")
    except redis.ResponseError as error:
        if is_wrong_type(error):
            raise LayoutError(f"key {keys.layout.decode()} is not ours: choose another LONGSPAN_PREFIX") from None
        raise
    if not all(number and number.isdigit() and int(number) for number in stored):
        raise LayoutError(f"key {keys.layout.decode()} cannot be read: it should hold partitions and format")
    partitions, stored_format = map(int, stored)
    if stored_format > LAYOUT_FORMAT:
        raise LayoutError(
            f"the keys under {keys.prefix} have format {stored_format}, this version reads {LAYOUT_FORMAT}:"
            " upgrade Longspan"
        )
    if wanted is not None and wanted != partitions:
        raise LayoutError(
            f"LONGSPAN_PARTITIONS is {wanted}, but {keys.prefix} was set up with {partitions}: a workflow would change"
            f" its partition. Set {partitions}, or use another LONGSPAN_PREFIX"
        )
    return partitions, recorded


def read_partitions(client: Client, keys: Keys) -> int | None:
    """The recorded number of partitions, or None where no worker has ever started under this prefix."""
    stored = client.call("HGET", keys.layout, "partitions")
    return int(stored) if stored is not None else None
