"""A client that has redis-py's methods too, for what tests want to see and to spoil."""

from typing import Any

from redis import Redis
from redis.cluster import ClusterNode, RedisCluster

from streams.address import parse_address
from streams.client import Client, connect


def beside(url: str) -> Redis | RedisCluster:
    """redis-py's own client for a URL of a server or a cluster."""
    address = parse_address(url)
    if address.topology == "cluster":
        make_node: Any = ClusterNode
        return RedisCluster(startup_nodes=[make_node(host, port) for host, port in address.nodes])
    return Redis.from_url(url)


class Probe(Client):
    """A client of a test. What Client has not, such as `xlen` or `delete`, is redis-py's, over connections of its own
    and with replies as redis-py gives them."""

    def __init__(self, url: str) -> None:
        super().__init__(connect(url).servers)
        self._beside = beside(url)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._beside, name)

    def close(self) -> None:
        """Close every connection."""
        super().close()
        self._beside.close()
