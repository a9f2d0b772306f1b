"""Clients of Redis or Valkey, set up for exactly-once work: one server, sentinels or a cluster, all used alike."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.connection import ConnectionPool
from redis.credentials import CredentialProvider
from redis.exceptions import ClusterCrossSlotError
from redis.retry import Retry
from redis.sentinel import Sentinel

from streams.address import Address, parse_address
from streams.cluster import Cluster
from streams.detection import Detected
from streams.errors import KeyTypeError, is_wrong_type
from streams.exchange import Argument as Argument
from streams.exchange import Command, Underway
from streams.signin import TokenSignIn
from streams.standalone import Standalone

SOCKET_TIMEOUT_SECONDS = 10.0
BLOCK_MS = 1_000  # well under half the socket time-out, so that a blocked read is never taken for a dead connection

SHORTEST_PAUSE_MS = 1
LONGEST_PAUSE_MS = 200  # costs an idle worker of 16 partitions and its exporter 1 % of a core

_Made = TypeVar("_Made", redis.Redis, RedisCluster)


class Servers(Protocol):
    """Where commands go. Each is carried out at most once: one that is repeated is a doubled event."""

    @property
    def kind(self) -> str: ...
    def send(self, commands: Sequence[Command]) -> list[Any]: ...
    def begin(self, commands: Sequence[Command]) -> Underway: ...
    def send_primaries(self, command: Command) -> dict[str, Any]: ...
    def group(self, keys: Iterable[bytes]) -> list[list[bytes]]: ...
    def note_slots(self) -> None: ...
    def pools(self) -> list[ConnectionPool]: ...
    def close(self) -> None: ...


class Client:
    """Sends commands, and gives replies as Redis sends them (RESP 2): texts are bytes, pairs are flat lists.

    Who calls knows what may be repeated after a fault. Any number of threads may share one.
    """

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.pause_ms = SHORTEST_PAUSE_MS  # before streams that cannot be waited for are looked at again

    def call(self, *command: Argument) -> Any:
        """One command. Raises redis.RedisError."""
        (reply,) = self.call_all([command])
        return reply

    def call_all(self, commands: Iterable[Command], *, raise_on_error: bool = True) -> list[Any]:
        """Several commands in one round trip; without `raise_on_error` an element may be the error of its command.

        Commands may be of different slots, the keys of one command may not. Raises redis.RedisError, always where a
        connection failed: then nobody knows which commands were carried out.
        """
        replies = self.servers.send(list(commands))
        if raise_on_error:
            for reply in replies:
                if isinstance(reply, redis.ResponseError):
                    raise reply
        return replies

    def begin(self, commands: Iterable[Command]) -> Underway:
        """As `call_all` without `raise_on_error`, but Redis works while the caller does: the replies come later.

        Raises redis.RedisError.
        """
        return self.servers.begin(list(commands))

    def call_primaries(self, *command: Argument) -> dict[str, Any]:
        """One command without keys on every primary; replies, or redis.ResponseError, by the primary's name."""
        return self.servers.send_primaries(command)

    def close(self) -> None:
        """Close every connection."""
        self.servers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def connect(
    url: str, credentials: CredentialProvider | None = None, timeout_seconds: float = SOCKET_TIMEOUT_SECONDS
) -> Client:
    """A client for a URL as `parse_address` reads it; `credentials` go before the user and password in it.

    No answer within `timeout_seconds` is a failed connection. Nothing is sent before the first command. Raises
    ValueError for a wrong URL.
    """
    address = parse_address(url)
    options: dict[str, Any] = {
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": timeout_seconds,
        "socket_connect_timeout": timeout_seconds,
        "client_name": "longspan",
    }
    if address.tls:
        options |= {"ssl": True, **address.tls_options}
    trusted = options | _identity(address.username, address.password, credentials)
    if address.topology == "cluster":
        return Client(_cluster(address, trusted))
    if address.topology == "sentinel":
        watch = options | _identity(address.sentinel_username, address.sentinel_password, None)
        sentinel: Any = Sentinel(address.nodes, sentinel_kwargs=watch)  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
        primary: redis.Redis = sentinel.master_for(address.primary, db=address.database, **trusted)
        return Client(Standalone(_attached(primary, credentials), sentinel))
    if address.path is not None:
        local = redis.Redis(unix_socket_path=address.path, db=address.database, **trusted)
        return Client(Standalone(_attached(local, credentials)))
    (host, port) = address.nodes[0]
    server = _attached(redis.Redis(host, port, db=address.database, **trusted), credentials)
    return Client(Detected(Standalone(server), lambda: _cluster(address, trusted)))


def read_streams(
    client: Client,
    positions: Mapping[bytes, bytes],
    count: int,
    block_ms: int,
) -> dict[bytes, list[tuple[bytes, list[bytes]]]]:
    """Up to `count` entries of each stream behind its position, waiting at most `block_ms` for the first.

    Where one command can name all the streams, it waits in Redis; in a cluster they are looked at again and again,
    after pauses that grow while nothing comes.
    Raises KeyTypeError for a key that is no stream, redis.RedisError.
    """
    waited_ms = 0
    while True:
        groups = client.servers.group(positions)
        reply = _read_once(client, positions, groups, count, block_ms if len(groups) == 1 else 0)
        if reply is None:
            continue
        if reply or len(groups) == 1 or waited_ms >= block_ms:
            client.pause_ms = SHORTEST_PAUSE_MS if reply else client.pause_ms
            return reply
        pause_ms = min(client.pause_ms, block_ms - waited_ms)
        threading.Event().wait(pause_ms / 1_000)
        waited_ms += pause_ms
        client.pause_ms = min(2 * client.pause_ms, LONGEST_PAUSE_MS)


def _read_once(
    client: Client, positions: Mapping[bytes, bytes], groups: Sequence[Sequence[bytes]], count: int, block_ms: int
) -> dict[bytes, list[tuple[bytes, list[bytes]]]] | None:
    """What came, or None where the server will not have streams of several slots in one command, as is known then."""
    waiting = ("BLOCK", block_ms) if block_ms > 0 else ()  # to Redis, 0 means for ever
    replies = client.call_all(
        (("XREAD", "COUNT", count, *waiting, "STREAMS", *keys, *(positions[key] for key in keys)) for keys in groups),
        raise_on_error=False,
    )
    found: dict[bytes, list[tuple[bytes, list[bytes]]]] = {}
    for keys, reply in zip(groups, replies, strict=True):
        if isinstance(reply, ClusterCrossSlotError):
            client.servers.note_slots()
            return None
        if isinstance(reply, redis.ResponseError):
            if is_wrong_type(reply):
                for key in keys:
                    check_kind(client, key, "stream")
            raise reply
        found.update(reply or ())
    return found


def check_kind(client: Client, key: bytes, expected: str) -> None:
    """Raise KeyTypeError where a key holds another type than `expected`, `stream` or `zset` for example."""
    found = client.call("TYPE", key).decode()
    if found not in (expected, "none"):
        raise KeyTypeError(key, found, expected)


def _cluster(address: Address, options: dict[str, Any]) -> Cluster:
    make_node: Any = ClusterNode  # redis-py leaves it untyped
    return Cluster(
        lambda: _attached(
            RedisCluster(
                startup_nodes=[make_node(host, port) for host, port in address.nodes],
                require_full_coverage=False,  # what is not covered is told for the commands that need it
                **options,
            ),
            options.get("credential_provider"),
        )
    )


def _attached(client: _Made, credentials: CredentialProvider | None) -> _Made:
    if isinstance(credentials, TokenSignIn):
        credentials.attach(client)
    return client


def _identity(username: str | None, password: str | None, credentials: CredentialProvider | None) -> dict[str, Any]:
    if credentials is not None:
        return {"credential_provider": credentials}
    return {"username": username, "password": password}
