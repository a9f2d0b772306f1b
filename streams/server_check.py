"""Whether the servers are fit for what Longspan promises, and how they keep data."""

from typing import Any

import redis

from streams.client import Client
from streams.errors import NotPermittedError, ServerUnfitError


def check_server(client: Client) -> str:
    """What is there, such as `Redis 7.0.15` or `Redis 7.0.15, a cluster of 3 primaries`.

    Raises ServerUnfitError when a primary cannot keep what is promised, redis.RedisError.
    """
    found = {where: judge(parse_info(reply)) for where, reply in client.call_primaries("INFO").items()}
    names = ", ".join(sorted(set(found.values())))
    return f"{names}, {client.servers.kind}" if client.servers.kind else names


def persistence(client: Client) -> str:
    """How the servers keep data: `append-only file`, `snapshots only`, `none` or `unknown`; that of the worst."""
    kept = []
    saves = client.call_primaries("CONFIG", "GET", "save")
    for where, reply in client.call_primaries("INFO", "persistence").items():
        if not isinstance(reply, NotPermittedError) and parse_info(reply).get("aof_enabled") == "1":
            kept.append("append-only file")
        elif isinstance(saves.get(where), list):
            kept.append("snapshots only" if saves[where][1:] not in ([], [b""]) else "none")
        else:
            kept.append("unknown")
    return max(kept, key=("append-only file", "unknown", "snapshots only", "none").index)


def parse_info(reply: Any) -> dict[str, str]:
    """The facts of an INFO reply. Raises it where it is a redis.ResponseError."""
    if isinstance(reply, redis.ResponseError):
        raise reply
    lines = reply.decode(errors="replace").splitlines()
    return {name: value for name, colon, value in (line.partition(":") for line in lines) if colon}


def judge(info: dict[str, str]) -> str:
    """Which server these facts of INFO tell of. Raises ServerUnfitError where it is not fit."""
    valkey = info.get("valkey_version", "")
    version = valkey or info.get("redis_version", "0")
    name = "Valkey" if valkey else "Redis"
    if int(version.partition(".")[0]) < (8 if valkey else 7):
        raise ServerUnfitError(f"{name} {version} is too old: Redis 7.0 or Valkey 8 is needed")
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise ServerUnfitError(
            f"{name} evicts keys when memory runs out (maxmemory-policy {policy}): set maxmemory-policy noeviction"
        )
    if info.get("role") in ("slave", "replica"):
        raise ServerUnfitError(f"this {name} is a read-only replica: connect to the primary")
    return f"{name} {version}"
