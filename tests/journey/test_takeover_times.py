"""How long a worker's events wait when it is killed on another machine, and when it is told to end."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from redis import Redis

from longspan.receiver import Receiver
from streams.keys import Keys, partition_of
from tests.journey.running import WorkerProcess, on_host, send
from tests.support.servers import Server
from tests.support.waiting import wait_for

EXAMPLES = Path(__file__).parents[2] / "machines" / "examples"
PARTITIONS = 8
LEASE_SECONDS = 2
Pair = dict[str, WorkerProcess]


@contextmanager
def pair(server: Server, receiver: Receiver, prefix: str, room: Path, lease: str) -> Iterator[Pair]:
    """Two workers on machines of their own."""
    workers: Pair = {}
    with ExitStack() as exits:
        for host in ("host-a", "host-b"):
            workers[host] = WorkerProcess(
                server,
                receiver,
                prefix,
                EXAMPLES,
                room / f"{host}.log",
                LONGSPAN_LEASE=lease,
                LONGSPAN_PARTITIONS=str(PARTITIONS),
                **on_host(host),
            )
            exits.callback(workers[host].kill)
            workers[host].start()
        yield workers


def test_events_flow_again_one_lease_after_a_worker_was_killed_on_another_machine(
    redis_server: Server, prefix: str, receiver: Receiver, tmp_path: Path
) -> None:
    with pair(redis_server, receiver, prefix, tmp_path, f"{LEASE_SECONDS}s") as workers:
        victim = wait_for(lambda: router_that_shares(redis_server, prefix), 30)
        seconds = time_without(redis_server, prefix, victim, workers[victim].kill)
    print(f"events flowed again {seconds:.2f} s after SIGKILL, with a lease of {LEASE_SECONDS} s")
    assert seconds < 2 * LEASE_SECONDS + 2  # on a machine that does nothing else: LEASE_SECONDS + 1


def test_events_flow_on_at_once_when_a_worker_is_told_to_end(
    redis_server: Server, prefix: str, receiver: Receiver, tmp_path: Path
) -> None:
    with pair(redis_server, receiver, prefix, tmp_path, "60s") as workers:
        victim = wait_for(lambda: router_that_shares(redis_server, prefix), 30)
        seconds = time_without(redis_server, prefix, victim, workers[victim].terminate)
        assert workers[victim].wait() == 0
    print(f"events flowed again {seconds:.2f} s after SIGTERM")
    assert seconds < 5  # on a machine that does nothing else: 0.5


def router_that_shares(server: Server, prefix: str) -> str:
    """The host of the worker that routes, as soon as two share the partitions evenly; else an empty text."""
    keys = Keys(prefix)
    with server.client() as client:
        owners = [host_of(client, keys.of(number).meta) for number in range(PARTITIONS)]
        even = sorted(owners) == ["host-a"] * (PARTITIONS // 2) + ["host-b"] * (PARTITIONS // 2)
        return host_of(client, keys.router) if even else ""


def host_of(client: "Redis", lease: bytes) -> str:
    """Who holds a lease."""
    owner: Any = client.hget(lease, "owner")
    return str((owner or b"").decode().partition("/")[0])


def time_without(server: Server, prefix: str, victim: str, end: Callable[[], None]) -> float:
    """Seconds from the end of a worker until events that were sent at that moment to its partitions were folded."""
    keys = Keys(prefix)
    with server.client() as client:
        held = {number for number in range(PARTITIONS) if host_of(client, keys.of(number).meta) == victim}
        names = [f"w-{number}" for number in range(20 * PARTITIONS)]
        subjects = [name for name in names if partition_of(name, PARTITIONS) in held]
        assert {partition_of(name, PARTITIONS) for name in subjects} == held
        end()
        began = time.monotonic()
        send(client, prefix, [{"id": "1", "subject": name, "type": "com.example.risk.submitted"} for name in subjects])
        snapshots = [keys.of(partition_of(name, PARTITIONS)).workflow(name) for name in subjects]
        wait_for(lambda: client.exists(*snapshots) == len(snapshots), 60, every_seconds=0.01)
        return time.monotonic() - began
