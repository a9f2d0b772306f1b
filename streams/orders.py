"""Orders: what the entries of a partition's stream ask for, in the order in which they came."""

import logging
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from machines.events import Event, decode_event
from machines.parked import Discard
from streams.errors import UNREADABLE
from streams.messages import BROADCAST, decode_broadcast
from streams.parked import DISCARD

logger = logging.getLogger(__name__)

Entry = tuple[bytes, Sequence[bytes]]

_decode_discard = msgspec.msgpack.Decoder(Discard).decode


class Broadcast(NamedTuple):
    """A message for the children in a partition, whoever they are."""

    message: Event


Order = Event | Discard | Broadcast


def read_orders(key: bytes, entries: Sequence[Entry], partition: int) -> list[Order]:
    """The orders in entries of the stream `key`; what no part of Longspan wrote is passed over, and logged."""
    orders: list[Order] = []
    for entry_id, fields in entries:
        try:
            orders.append(_read(fields))
        except (ValueError, *UNREADABLE):
            place = f"{key.decode()} {entry_id.decode()}"
            logger.error("an entry that no router wrote was passed over: %s", place, extra={"partition": partition})
    return orders


def find_subjects(orders: Iterable[Order]) -> dict[str, None]:
    """The workflows that orders name."""
    return dict.fromkeys(order.subject for order in orders if not isinstance(order, Broadcast))


def _read(fields: Sequence[bytes]) -> Order:
    kind, packed = fields[0], fields[1]
    if kind == b"e":
        return decode_event(packed)
    if kind == DISCARD:
        return _decode_discard(packed)
    if kind == BROADCAST:
        return Broadcast(decode_broadcast(packed))
    raise ValueError(kind)
