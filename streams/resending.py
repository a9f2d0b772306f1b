"""Sending events once more: appended to the ingress stream in order, and in pieces of which each goes whole."""

from collections.abc import Iterable, Iterator, Mapping

from streams.client import Client
from streams.errors import check_type
from streams.keys import Keys
from streams.scripts import APPEND

PIECE_ENTRIES = 100
PIECE_BYTES = 1_000_000
SCRIPT_ARGUMENTS = 4_000  # of one entry; Lua unpacks fewer than 8,000
NO_LIMIT = -1


def send_in_order(client: Client, keys: Keys, entries: Iterable[Mapping[bytes, bytes]]) -> None:
    """Append entries to the ingress stream; where it fails, those before the failure are there and no others.

    Raises KeyTypeError, redis.RedisError.
    """
    for piece in _pieces(entries):
        if len(piece[0]) > SCRIPT_ARGUMENTS:
            client.call("XADD", keys.events, "*", *piece[0])
            continue
        arguments: list[bytes | str | int] = [NO_LIMIT]
        for flat in piece:
            arguments += (len(flat), *flat)
        check_type(APPEND.call(client, [keys.events], arguments))


def flatten(fields: Mapping[bytes, bytes]) -> list[bytes]:
    """Fields as Redis takes them: each name, then its value."""
    return [part for pair in fields.items() for part in pair]


def _pieces(entries: Iterable[Mapping[bytes, bytes]]) -> Iterator[list[list[bytes]]]:
    piece: list[list[bytes]] = []
    size = 0
    for fields in entries:
        flat = flatten(fields)
        bytes_ = sum(map(len, flat))
        alone = len(flat) > SCRIPT_ARGUMENTS
        if piece and (alone or len(piece) == PIECE_ENTRIES or size + bytes_ > PIECE_BYTES):
            yield piece
            piece, size = [], 0
        piece.append(flat)
        size += bytes_
        if alone:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece
