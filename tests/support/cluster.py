"""A Redis Cluster of three nodes on loopback, and somebody who keeps moving its slots."""

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from redis import Redis
from redis.backoff import ConstantBackoff
from redis.cluster import RedisCluster
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import ConnectionError, ResponseError
from redis.retry import Retry

from tests.support.probe import beside
from tests.support.servers import REDIS, VALKEY, Server, free_port, running
from tests.support.waiting import wait_for

NODES = 3
REST_SECONDS = 0.02
OPTIONS = ("--cluster-enabled", "yes", "--cluster-node-timeout", "500")  # a node waits so long before it joins


class ClusterServer:
    """What tests take for a server: `url` names one node, and clients find the others."""

    def __init__(self, nodes: Sequence[Server]) -> None:
        self.nodes = nodes
        self.url = nodes[0].url.replace("redis://", "redis+cluster://")

    def client(self) -> RedisCluster:
        """redis-py's client of the whole cluster."""
        client = beside(self.url)
        assert isinstance(client, RedisCluster)
        return client

    def owners(self, slots: Iterable[int]) -> dict[int, int]:
        """Which of the nodes has each slot, by index."""
        ports = [node.port for node in self.nodes]
        with self.client() as client:
            return {slot: ports.index(client.nodes_manager.get_node_from_slot(slot).port) for slot in slots}


@contextmanager
def running_cluster(directory: Path, *arguments: str) -> Iterator[ClusterServer]:
    """A cluster whose nodes have a third of the slots each, until the block ends."""
    with ExitStack() as stack:
        nodes, buses = [], []
        for number in range(NODES):
            buses.append(free_port())
            options = (*OPTIONS, "--cluster-port", str(buses[-1]), *arguments)
            nodes.append(stack.enter_context(running(REDIS or VALKEY, directory / str(number), *options)))
        clients: list[Any] = [stack.enter_context(node.client()) for node in nodes]
        each = -(-REDIS_CLUSTER_HASH_SLOTS // NODES)
        for number, client in enumerate(clients):
            last = min((number + 1) * each, REDIS_CLUSTER_HASH_SLOTS) - 1
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", number * each, last)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", nodes[0].port, buses[0])
        wait_for(lambda: all(_is_whole(client) for client in clients) and _agree(clients), 20)
        for client in clients:
            client.config_set("cluster-node-timeout", 15_000)  # none is missed on a busy machine
        yield ClusterServer(nodes)


class _Steady:
    """A node's client that asks again after its connection was lost or killed while idle, as tests do to all."""

    def __init__(self, port: int) -> None:
        self._client: Any = Redis(port=port)
        self._retry = Retry(ConstantBackoff(0.005), 1_000, (ConnectionError,))
        self.close = self._client.close

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """What the node answers. What it did before the answer was lost, it is told to do again."""
        return self._retry.call_with_retry(lambda: self._client.execute_command(*args, **options), lambda error: None)


class SlotMover:
    """Moves the slots of `keys` from node to node for as long as its block lasts, key by key, as `redis-cli --cluster
    reshard` does, all keys at once or with one of `pauses_seconds` between one and the next; `moves` counts.

    Who holds `still` sees every key where it belongs. An error of the mover fails the test when the block ends.
    """

    def __init__(
        self, cluster: ClusterServer, keys: Sequence[bytes], seed: int, pauses_seconds: Sequence[float] = (0.0,)
    ) -> None:
        self.moves = 0
        self.still = threading.Lock()
        self._pauses_seconds = pauses_seconds
        self._slots = sorted({key_slot(key) for key in keys})
        self._choose = random.Random(seed)
        self._stop = threading.Event()
        self._ports = [node.port for node in cluster.nodes]
        self._clients = [_Steady(node.port) for node in cluster.nodes]
        self._ids = [str(client.execute_command("CLUSTER", "MYID"), "ascii") for client in self._clients]
        self._owners = cluster.owners(self._slots)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="slot mover")

    def __enter__(self) -> "SlotMover":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.close()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Close every connection."""
        for client in self._clients:
            client.close()

    @contextmanager
    def half_way(self, slot: int, pause_seconds: float = 0.0) -> Iterator[Callable[[bytes], None]]:
        """A slot between two nodes, its keys still at the first; what is yielded moves one. In the end it has moved."""
        source = self._owners[slot]
        target = self._choose.choice([index for index in range(NODES) if index != source])
        near, far = self._clients[source], self._clients[target]
        far.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", self._ids[source])
        near.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", self._ids[target])

        def migrate(*keys: bytes) -> None:
            options = (self._ports[target], "", 0, 5_000, "REPLACE", "KEYS")
            with suppress(ResponseError):  # IOERR, where its connection was killed: the keys are still there then
                near.execute_command("MIGRATE", "127.0.0.1", *options, *keys)

        yield migrate
        while keys := near.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1 if pause_seconds else 100):
            migrate(*keys)
            self._stop.wait(pause_seconds)
        for client in (far, near, *self._clients):
            client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", self._ids[target])
        wait_for(lambda: _agree(self._clients))  # or the next move would meet old gossip, and Redis lose the keys
        self._owners[slot] = target
        self.moves += 1

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                pause_seconds = self._choose.choice(self._pauses_seconds)
                with self.still, self.half_way(self._choose.choice(self._slots), pause_seconds):
                    pass
                self._stop.wait(REST_SECONDS)
        except BaseException as error:
            self._error = error


def _is_whole(client: Any) -> bool:
    info = client.execute_command("CLUSTER", "INFO")
    return "cluster_state:ok" in str(info) and f"cluster_known_nodes:{NODES}" in str(info)


def _agree(clients: Sequence[Any]) -> bool:
    """Whether all nodes say the same of every node's epoch and slots."""
    views = set()
    for client in clients:
        lines = [
            line.split()
            for line in str(client.execute_command("CLUSTER", "NODES", NEVER_DECODE=True), "ascii").splitlines()
        ]
        views.add(frozenset((line[0], line[6], *(slot for slot in line[8:] if slot[0] != "[")) for line in lines))
    return len(views) == 1
