"""Connections to Redis or Valkey, set up for exactly-once work, and whether a server is fit for it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from streams.errors import KeyTypeError, ServerUnfitError

SOCKET_TIMEOUT_SECONDS = 10.0
BLOCK_MS = 1_000  # well under half the socket time-out, so that a blocked read is never taken for a dead connection

Argument = bytes | str | int | float


class Client(redis.Redis):
    """A client that answers bytes and never repeats a command by itself: a repeated command is a doubled event."""

    def call(self, *command: Argument) -> Any:
        """One command. Raises redis.RedisError."""
        return self.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py leaves it untyped

    def call_all(self, commands: Iterable[Sequence[Argument]], *, raise_on_error: bool = True) -> list[Any]:
        """Several commands in one round trip; without `raise_on_error` an element may be the error of its command."""
        with self.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
            return list(pipeline.execute(raise_on_error=raise_on_error))


def connect(url: str) -> Client:
    """A client for a `redis://`, `rediss://` or `unix://` URL. Raises ValueError for a URL that is none.

    Replies have the shape of RESP 2. Who calls knows what may be repeated after a fault.
    """
    client: Any = Client.from_url(
        url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=SOCKET_TIMEOUT_SECONDS,
        socket_connect_timeout=SOCKET_TIMEOUT_SECONDS,
        client_name="longspan",
    )
    client.set_response_callback("XREAD", _as_sent)
    client.set_response_callback("XRANGE", _as_sent)
    assert isinstance(client, Client)
    return client


def read_streams(
    client: Client, positions: Mapping[bytes, bytes], count: int, block_ms: int
) -> dict[bytes, list[tuple[bytes, list[bytes]]]]:
    """Up to `count` entries of each stream behind its position, waiting at most `block_ms` for the first.

    Raises KeyTypeError for a key that is no stream, redis.RedisError.
    """
    waiting = ("BLOCK", block_ms) if block_ms > 0 else ()  # to Redis, 0 means for ever
    try:
        reply = client.call("XREAD", "COUNT", count, *waiting, "STREAMS", *positions, *positions.values())
    except redis.ResponseError as error:
        if str(error).startswith("WRONGTYPE"):
            for key in positions:
                check_kind(client, key, "stream")
        raise
    return dict(reply or ())


def check_kind(client: Client, key: bytes, expected: str) -> None:
    """Raise KeyTypeError where a key holds another type than `expected`, `stream` or `zset` for example."""
    found = client.call("TYPE", key).decode()
    if found not in (expected, "none"):
        raise KeyTypeError(key, found, expected)


def _as_sent(reply: Any, **_options: Any) -> Any:
    return reply


def check_server(client: Client) -> str:
    """What server this is, such as `Redis 7.0.15`. Raises ServerUnfitError when it cannot keep what is promised."""
    info = {str(name): value for name, value in client.info().items()}
    valkey = str(info.get("valkey_version", ""))
    version = valkey or str(info.get("redis_version", "0"))
    name = "Valkey" if valkey else "Redis"
    if int(version.partition(".")[0]) < (8 if valkey else 7):
        raise ServerUnfitError(f"{name} {version} is too old: Redis 7.0 or Valkey 8 is needed")
    policy = info.get("maxmemory_policy", "noeviction")
    if isinstance(policy, bytes):
        policy = policy.decode()
    if policy != "noeviction":
        raise ServerUnfitError(
            f"{name} evicts keys when memory runs out (maxmemory-policy {policy}): set maxmemory-policy noeviction"
        )
    if info.get("role") in ("slave", "replica"):
        raise ServerUnfitError(f"this {name} is a read-only replica: connect to the primary")
    return f"{name} {version}"


def persistence(client: Client) -> str:
    """How the server keeps data: `append-only file`, `snapshots only` or `none`."""
    info = client.info("persistence")
    if int(info.get("aof_enabled", 0)):
        return "append-only file"
    try:
        saves = client.config_get("save")
    except redis.ResponseError:
        return "unknown"
    return "snapshots only" if any(saves.values()) else "none"
