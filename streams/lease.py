"""Leases: the right of one worker to a partition for a while. They save work; the commit compares, and is safe."""

import secrets
from dataclasses import dataclass

import redis

from streams.client import Client
from streams.errors import check_type
from streams.keys import PartitionKeys
from streams.owner import is_dead
from streams.scripts import CLAIM, RENEW


def make_token() -> bytes:
    """A random token for a nonce or an etag: compared for equality only, so that a failover cannot issue one twice."""
    return secrets.token_hex(8).encode()


@dataclass(slots=True)
class Lease:
    """What the next commit is compared with. `cursor` is the last entry of the partition's stream that was folded."""

    nonce: bytes
    etag: bytes
    cursor: bytes


def claim(client: Client, keys: PartitionKeys, owner: str, lease_ms: int) -> Lease | None:
    """Take a partition that nobody holds, or whose holder died on this machine; None where somebody holds it.

    Raises redis.RedisError and KeyTypeError.
    """
    dead = b""
    for _ in range(2):
        nonce, etag = make_token(), make_token()
        reply = CLAIM.call(client, [keys.meta, keys.events], [owner, nonce, etag, lease_ms, dead])
        check_type(reply)
        if reply[0] == b"claimed":
            return Lease(nonce, etag, reply[1])
        if not is_dead(reply[1].decode(errors="replace")):
            return None
        dead = reply[2]
    return None


def renew(client: Client, held: "dict[PartitionKeys, Lease]", lease_ms: int) -> list[PartitionKeys]:
    """Renew leases, or give them up with 0 ms; the partitions that somebody else has taken meanwhile."""
    if not held:
        return []
    replies = RENEW.call_each(client, [([keys.meta], [lease.nonce, lease_ms]) for keys, lease in held.items()])
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return [keys for keys, reply in zip(held, replies, strict=True) if not reply]


def reread(client: Client, keys: PartitionKeys, lease: Lease) -> Lease | None:
    """The lease as Redis has it, after a commit whose answer was lost; None where it is no longer ours."""
    try:
        nonce, etag, cursor = client.call("HMGET", keys.meta, "nonce", "etag", "cursor")
    except redis.ResponseError as error:
        if str(error).startswith("WRONGTYPE"):
            return None  # `claim` will say what the key holds
        raise
    if nonce != lease.nonce or etag is None or cursor is None:
        return None
    return Lease(lease.nonce, etag, cursor)
