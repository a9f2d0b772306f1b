"""Tokens of watching: where the streams of changes were read up to, as text that a client gives back to go on there."""

import base64
import binascii
from collections.abc import Sequence

import msgspec

from streams.client import Client
from streams.feed import read_positions
from streams.keys import Keys

LONGEST_TOKEN = 20_000  # characters; that of 1,024 partitions has fewer

_FORMAT = 1
_LARGEST = 2**63
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[int, int, list[int]]).decode


class TokenError(ValueError):
    """A token that no stream gave."""

    def __init__(self, token: str) -> None:
        super().__init__(f"{token[:40]!r} is no id that a stream gave")


def encode_positions(positions: Sequence[bytes]) -> str:
    """The token of one position for each partition. Most lie close together: times are kept as distances."""
    parts = [tuple(map(int, position.split(b"-"))) for position in positions]
    latest_ms = max((part[0] for part in parts), default=0)
    flat = [number for at_ms, index in parts for number in (latest_ms - at_ms, index)]
    return base64.urlsafe_b64encode(_encode((_FORMAT, latest_ms, flat))).decode().rstrip("=")


def decode_positions(token: str) -> list[bytes]:
    """The positions of a token, by partition. Raises TokenError."""
    try:
        written, latest_ms, flat = _decode(base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4)))
    except (msgspec.DecodeError, UnicodeError, binascii.Error):
        raise TokenError(token) from None
    pairs = [(latest_ms - distance, index) for distance, index in zip(flat[::2], flat[1::2], strict=False)]
    if (
        written != _FORMAT
        or len(flat) % 2
        or any(not (0 <= at_ms < _LARGEST and 0 <= index < _LARGEST) for at_ms, index in pairs)
    ):
        raise TokenError(token)
    return [b"%d-%d" % pair for pair in pairs]


def positions_token(client: Client, keys: Keys, partitions: int) -> str:
    """The token of now: a stream that begins there tells of all that changes from now on. Raises redis.RedisError."""
    return encode_positions(read_positions(client, keys, range(partitions)))
