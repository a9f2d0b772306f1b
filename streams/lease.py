"""Leases: the right of one worker to a partition for a while. They save work; the commit compares, and is safe."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import redis

from streams.client import Client
from streams.errors import KeyTypeError, MovingError, check_type, is_wrong_type
from streams.keys import PartitionKeys
from streams.owner import is_dead
from streams.scripts import CLAIM, HOLD, RENEW, Script


def make_token() -> bytes:
    """A random token for a nonce or an etag: compared for equality only, so that a failover cannot issue one twice."""
    return secrets.token_hex(8).encode()


@dataclass(slots=True)
class Lease:
    """What the next commit is compared with. `cursor` is the last entry of the partition's stream that was folded."""

    nonce: bytes
    etag: bytes
    cursor: bytes


def find_free(client: Client, leases: Sequence[bytes], now_ms: int) -> list[int]:
    """Which of these leases (hashes) may be taken, by index: nobody's, run out, or held by who died on this machine.

    `now_ms` is the server's time. Those that cannot be read come last: who tries to take them is told what is wrong.
    Raises redis.RedisError.
    """
    commands: list[Sequence[bytes | str]] = [("HMGET", lease, "nonce", "until", "owner") for lease in leases]
    free, wrong = [], []
    for index, reply in enumerate(client.call_all(commands, raise_on_error=False)):
        if isinstance(reply, Exception):
            wrong.append(index)
        elif reply[0] is None or _as_ms(reply[1]) <= now_ms or is_dead((reply[2] or b"").decode(errors="replace")):
            free.append(index)
    return free + wrong


def claim_each(
    client: Client, owned: Sequence[PartitionKeys], owner: str, lease_ms: int
) -> list[Lease | KeyTypeError | None]:
    """Take partitions that nobody holds, or whose holder died on this machine; None for one that somebody holds, or
    whose slot is being moved.

    Raises redis.RedisError.
    """
    made = [(make_token(), make_token()) for _ in owned]
    calls = [((keys.meta, keys.events), (owner, *tokens, lease_ms)) for keys, tokens in zip(owned, made, strict=True)]
    return [
        Lease(*tokens, reply[1]) if isinstance(reply, list) else reply
        for tokens, reply in zip(made, _take_each(client, CLAIM, calls), strict=True)
    ]


def hold_each(client: Client, leases: Sequence[bytes], owner: str, lease_ms: int) -> list[bytes | KeyTypeError | None]:
    """Take leases (hashes) of a role as `claim_each` takes partitions; the nonce of each. Raises redis.RedisError."""
    nonces = [make_token() for _ in leases]
    calls = [((lease,), (owner, nonce, lease_ms)) for lease, nonce in zip(leases, nonces, strict=True)]
    return [
        nonce if isinstance(reply, list) else reply
        for nonce, reply in zip(nonces, _take_each(client, HOLD, calls), strict=True)
    ]


def claim(client: Client, keys: PartitionKeys, owner: str, lease_ms: int) -> Lease | None:
    """Take one partition, as `claim_each` does. Raises redis.RedisError and KeyTypeError."""
    (lease,) = claim_each(client, [keys], owner, lease_ms)
    if isinstance(lease, KeyTypeError):
        raise lease
    return lease


def renew(client: Client, held: Mapping[PartitionKeys, Lease], lease_ms: int) -> list[PartitionKeys]:
    """Renew leases, or give them up with 0 ms; the partitions that somebody else has taken meanwhile.

    Raises redis.RedisError.
    """
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
        if is_wrong_type(error):
            return None  # `claim` will say what the key holds
        raise
    if nonce != lease.nonce or etag is None or cursor is None:
        return None
    return Lease(lease.nonce, etag, cursor)


def _take_each(
    client: Client,
    script: Script,
    calls: Sequence[tuple[Sequence[bytes], Sequence[bytes | str | int]]],
    dead: Sequence[bytes] | None = None,
) -> list[list[bytes] | KeyTypeError | None]:
    """What CLAIM or HOLD answered where it took; None where somebody holds it, and `dead` are nonces of who has died.

    The nonce of a dead holder is the last argument of both.
    """
    marks = dead or [b""] * len(calls)
    replies = script.call_each(client, [(keys, (*args, mark)) for (keys, args), mark in zip(calls, marks, strict=True)])
    taken: list[list[bytes] | KeyTypeError | None] = []
    left_behind: dict[int, bytes] = {}
    for index, reply in enumerate(replies):
        taken.append(None)
        if isinstance(reply, MovingError):
            continue
        if isinstance(reply, Exception):
            raise reply
        try:
            check_type(reply)
        except KeyTypeError as error:
            taken[index] = error
            continue
        if reply[0] == b"claimed":
            taken[index] = reply
        elif dead is None and is_dead(reply[1].decode(errors="replace")):
            left_behind[index] = reply[2]
    if left_behind:
        again = _take_each(client, script, [calls[index] for index in left_behind], list(left_behind.values()))
        for index, reply in zip(left_behind, again, strict=True):
            taken[index] = reply
    return taken


def _as_ms(stored: bytes | None) -> int:
    return int(stored) if stored and stored.isdigit() else 0
