"""A primary, its replica, and a sentinel that watches over both, on loopback."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.support.servers import REDIS, VALKEY, Server, running
from tests.support.waiting import wait_for

NAME = "main"
PASSWORD = "sentinel's own"


class Pair:
    """What tests take for a server: `url` names the sentinel, which says who is the primary now."""

    def __init__(self, sentinel: Server, servers: list[Server]) -> None:
        self.sentinel = sentinel
        self.servers = servers
        self.url = f"redis+sentinel://127.0.0.1:{sentinel.port}/{NAME}?sentinel_password={PASSWORD.replace(' ', '%20')}"

    def primary(self) -> Server:
        """The one that the sentinel takes for the primary, also when asked as redis-py does."""
        with self.sentinel.client() as client:
            port = client.sentinel_master(NAME)["port"]
        return next(server for server in self.servers if server.port == port)

    def fail_over(self) -> None:
        """Make the replica the primary in an orderly way."""
        with self.sentinel.client() as client:
            client.sentinel_failover(NAME)


@contextmanager
def running_pair(directory: Path) -> Iterator[Pair]:
    """Both servers and the sentinel, which fails over half a second after the primary went silent."""
    binary = REDIS or VALKEY
    with ExitStack() as stack:
        primary = stack.enter_context(running(binary, directory / "primary", "--repl-diskless-sync-delay", "0"))
        follow = ("--replicaof", f"127.0.0.1 {primary.port}", "--repl-diskless-sync-delay", "0")
        replica = stack.enter_context(running(binary, directory / "replica", *follow))
        with replica.client() as client:
            wait_for(lambda: client.info("replication")["master_link_status"] == "up")
        sentinel = _make_sentinel(binary, directory / "sentinel", primary.port)
        stack.callback(sentinel.kill)
        sentinel.start()
        with sentinel.client() as client:
            wait_for(lambda: _may_be_promoted(client.sentinel_slaves(NAME)), 30)
        yield Pair(sentinel, [primary, replica])


def _may_be_promoted(replicas: Sequence[Mapping[str, Any]]) -> bool:
    return any(replica["master-link-status"] == "ok" for replica in replicas)


def _make_sentinel(binary: str, directory: Path, port: int) -> Server:
    directory.mkdir()
    settings = directory / "sentinel.conf"
    settings.write_text(
        f"sentinel monitor {NAME} 127.0.0.1 {port} 1\n"
        f"sentinel down-after-milliseconds {NAME} 500\n"
        f"sentinel failover-timeout {NAME} 5000\n"
        f'requirepass "{PASSWORD}"\n'
    )
    return Server(binary, directory, "--sentinel", settings=settings, password=PASSWORD)
