"""A Redis Cluster: each command goes to the primary of its slot, and follows the slot when that moves."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import redis
from redis.cluster import ClusterNode, RedisCluster
from redis.connection import ConnectionPool
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    RedisClusterException,
    TryAgainError,
)

from streams.exchange import Answered, Command, exchange
from streams.slots import by_slot, slot_of

REDIRECTIONS = 16  # in a row, as many as redis-py follows
PAUSES_SECONDS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16)  # for what is refused but not sent elsewhere: 0.3 s in all
WRITING, WRITING_PAUSES = ("EVALSHA", "EVAL"), 3  # who writes leaves the partition alone then, and goes on with others


class Cluster:
    """Finds the nodes with redis-py's RedisCluster, which `discover` makes, and sends every command itself.

    redis-py's cluster pipelines send commands again after a lost connection, however it is told to retry. Here only
    what a node has refused (MOVED, ASK, TRYAGAIN, CLUSTERDOWN), and so has not carried out, is sent again.
    """

    def __init__(self, discover: Callable[[], RedisCluster]) -> None:
        self._discover = discover
        self._known: RedisCluster | None = None

    @property
    def kind(self) -> str:
        """How large the cluster is."""
        return f"a cluster of {len(self._cluster().get_primaries())} primaries"

    def send(self, commands: Sequence[Command]) -> list[Any]:
        """The reply to each command, or the redis.ResponseError, such as TryAgainError for a script whose keys are
        being moved. Raises redis.RedisError when a connection failed or a slot cannot be reached."""
        replies = self._send(commands)
        for index, reply in enumerate(replies):
            if _is_split(commands[index], reply):
                # Each key by itself: one that is not on the one node is on the other.
                found = self._send([("GET", key) for key in commands[index][1:]])
                replies[index] = [None if isinstance(each, redis.ResponseError) else each for each in found]
        return replies

    def _send(self, commands: Sequence[Command]) -> list[Any]:
        replies: list[Any] = [None] * len(commands)
        waiting = list(range(len(commands)))
        asked: dict[int, tuple[str, int]] = {}
        pauses, paused = iter(PAUSES_SECONDS), 0
        for _ in range(REDIRECTIONS):
            waiting = self._try(commands, replies, waiting, asked)
            if paused >= WRITING_PAUSES:
                waiting = [index for index in waiting if not _is_writing(commands[index], replies[index])]
            if not waiting:
                return replies
            if any(isinstance(replies[index], (TryAgainError, ClusterDownError)) for index in waiting):
                pause_seconds = next(pauses, None)
                if pause_seconds is None:
                    break
                time.sleep(pause_seconds)
                paused += 1
        for index in waiting:
            if not isinstance(replies[index], TryAgainError):
                raise replies[index]
        return replies

    def begin(self, commands: Sequence[Command]) -> Answered:
        """As `send`, which it waits for: what a node refuses has to be sent elsewhere."""
        return Answered(self.send(commands))

    def send_primaries(self, command: Command) -> dict[str, Any]:
        """The reply of each primary, or the redis.ResponseError, by host and port. Raises redis.RedisError."""
        nodes = {node.name: node for node in self._cluster().get_primaries()}
        replies = self._exchange([(node, [command]) for node in nodes.values()])
        return {name: reply for name, (reply,) in zip(nodes, replies, strict=True)}

    def group(self, keys: Iterable[bytes]) -> list[list[bytes]]:
        """The keys, those together that one XREAD may name."""
        return by_slot(keys)

    def note_slots(self) -> None:
        """Nothing new: that keys of several slots stand in one command is never so here."""

    def pools(self) -> list[ConnectionPool]:
        """The pools of connections, for whoever signs in anew."""
        return _pools(self._known) if self._known is not None else []

    def close(self) -> None:
        """Close every connection."""
        if self._known is not None:
            self._known.close()

    def _try(
        self, commands: Sequence[Command], replies: list[Any], waiting: list[int], asked: dict[int, tuple[str, int]]
    ) -> list[int]:
        """Send those that wait; the ones that were refused, to be sent again. `asked` is where ASK has sent them."""
        cluster = self._cluster()
        requests: dict[ClusterNode, list[Command]] = {}
        sent: dict[ClusterNode, list[int | None]] = {}
        refused: list[int] = []
        moved: list[MovedError] = []
        for index in waiting:
            address = asked.pop(index, None)
            node = self._node(cluster, commands[index], address)
            if node is None:
                replies[index] = ClusterDownError(f"no node has the slot of {commands[index][0]!s}")
                refused.append(index)
                continue
            if address is not None:
                requests.setdefault(node, []).append(("ASKING",))
                sent.setdefault(node, []).append(None)
            requests.setdefault(node, []).append(commands[index])
            sent.setdefault(node, []).append(index)
        for (node, indexes), answers in zip(sent.items(), self._exchange(list(requests.items())), strict=True):
            for place, answer in zip(indexes, answers, strict=True):
                if place is None:
                    continue
                index = place
                replies[index] = answer
                if isinstance(answer, MovedError):
                    moved.append(answer)
                elif isinstance(answer, AskError):
                    asked[index] = answer.host or node.host, answer.port
                if _is_refused(answer) and not _is_split(commands[index], answer):
                    refused.append(index)
        if any(isinstance(replies[index], (ClusterDownError, redis.ReadOnlyError)) for index in waiting):
            self._refresh()
        else:
            self._follow(moved)
        return sorted(refused)

    def _node(self, cluster: Any, command: Command, address: tuple[str, int] | None) -> ClusterNode | None:
        if address is not None:  # perhaps of a node that has had no slot yet, so that nobody has told of it
            node = ClusterNode(*address)  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
            known: ClusterNode = cluster.nodes_manager.nodes_cache.setdefault(node.name, node)
            return known
        owners: list[ClusterNode] = cluster.nodes_manager.slots_cache.get(slot_of(command) or 0, [])
        return owners[0] if owners else None

    def _exchange(self, requests: Sequence[tuple[ClusterNode, Sequence[Command]]]) -> list[list[Any]]:
        cluster = self._cluster()
        pools = [cluster.get_redis_connection(node).connection_pool for node, _ in requests]
        try:
            return exchange([(pool, commands) for pool, (_, commands) in zip(pools, requests, strict=True)])
        except (redis.ConnectionError, redis.TimeoutError):
            self._refresh()
            raise

    def _cluster(self) -> Any:  # redis-py leaves most of RedisCluster untyped
        if self._known is None:
            try:
                self._known = self._discover()
            except RedisClusterException as error:
                raise _reason(error) from error
        return self._known

    def _follow(self, moved: Sequence[MovedError]) -> None:
        manager = self._cluster().nodes_manager
        if all(error.host and error.slot_id in manager.slots_cache for error in moved):
            for error in moved:
                manager.move_slot(error)
        else:  # a slot that nobody had until now, or a node that does not know its own address
            self._refresh()

    def _refresh(self) -> None:
        """Ask which node has which slot now; where no known node answers, begin again with the addresses of the URL."""
        known = self._cluster()
        try:
            known.nodes_manager.initialize()
        except (RedisClusterException, redis.RedisError):
            self._known = None
            for pool in _pools(known):
                pool.disconnect(inuse_connections=False)


def _is_refused(reply: object) -> bool:
    return isinstance(reply, (AskError, TryAgainError, ClusterDownError))


def _is_split(command: Command, reply: object) -> bool:
    return isinstance(reply, TryAgainError) and command[0] == "MGET"


def _is_writing(command: Command, reply: object) -> bool:
    return isinstance(reply, TryAgainError) and command[0] in WRITING


def _pools(cluster: Any) -> list[ConnectionPool]:
    return [node.redis_connection.connection_pool for node in cluster.get_nodes() if node.redis_connection]


def _reason(error: BaseException) -> redis.RedisError:
    """What Redis or the network said: redis-py tells it in an exception that is no RedisError."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, redis.RedisError):
        cause = cause.__cause__ or cause.__context__
    return cause or redis.ConnectionError(str(error))
