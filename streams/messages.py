"""The messages of a partition: what its workflows have to say to others, committed with what caused it.

An entry of the stream holds the messages of one commit (field `m`), and the broadcasts that are to reach the children
in this partition (field `x`).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from machines.events import Event

BROADCAST = b"b"  # the field of an entry of a partition's stream that holds a message for children in that partition

_MESSAGES, _BROADCASTS = b"m", b"x"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Event]).decode
encode_broadcast = _encode
decode_broadcast = msgspec.msgpack.Decoder(Event).decode


class Sent(NamedTuple):
    """What one entry holds."""

    messages: list[Event]
    broadcasts: list[Event]


class Outgoing:
    """What one commit sends."""

    def __init__(self) -> None:
        self._messages: list[Event] = []
        self._broadcasts: list[Event] = []

    def __bool__(self) -> bool:
        return bool(self._messages or self._broadcasts)

    def send(self, messages: Iterable[Event]) -> None:
        """Messages, each for the workflow that it names; one that names none is for the children in all partitions."""
        self._messages += messages

    def spread(self, broadcast: Event) -> None:
        """A message for the children in this partition: which they are is looked up once this is committed."""
        self._broadcasts.append(broadcast)

    def fields(self) -> list[bytes]:
        """The fields of the entry."""
        fields: list[bytes] = []
        for name, events in ((_MESSAGES, self._messages), (_BROADCASTS, self._broadcasts)):
            if events:
                fields += (name, _encode(events))
        return fields


def read_sent(fields: Sequence[bytes]) -> Sent:
    """What an entry holds. Raises what is in `streams.errors.UNREADABLE`, and ValueError."""
    found = {_MESSAGES: list[Event](), _BROADCASTS: list[Event]()}
    for name, packed in zip(fields[::2], fields[1::2], strict=True):
        if name not in found:
            raise ValueError(name)
        found[name] = _decode(packed)
    return Sent(found[_MESSAGES], found[_BROADCASTS])
