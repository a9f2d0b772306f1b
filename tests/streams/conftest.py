"""Fixtures of the tests of what speaks Redis: each test has a prefix of its own on each kind of server in turn."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.streams.site import PARTITIONS, Site
from tests.support.cluster import ClusterServer, SlotMover
from tests.support.seeds import SEED
from tests.support.servers import Server

# What must hold on a cluster too, while its slots move.
CONTRACT = {
    "test_ageing",
    "test_commit",
    "test_crash",
    "test_counts",
    "test_deadletters",
    "test_feed",
    "test_firing",
    "test_holdings",
    "test_ingress",
    "test_lease",
    "test_messenger",
    "test_outbox",
    "test_query",
    "test_reindexing",
    "test_status",
    "test_takeover",
    "test_upkeep",
    "test_worker",
}
SINGLE = {
    "test_an_answer_that_was_lost_doubles_nothing",  # a proxy stands for one server
    "test_two_routers_in_any_interleaving_lose_and_double_nothing",  # makes hundreds of clients
}

STILL = {  # slots do not move under these
    "test_a_crash_at_any_round_trip_changes_nothing_of_the_outcome",  # so many keys would be on the move for ever
    "test_what_was_committed_before_the_connection_failed_stays_and_its_lease_has_moved_on",  # counts round trips
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for a server on Valkey and Redis, and the contract on a cluster."""
    if "server" in metafunc.fixturenames:
        contract = metafunc.module.__name__.rpartition(".")[2] in CONTRACT and metafunc.function.__name__ not in SINGLE
        kinds = ["valkey", "redis", *(["cluster"] if contract else [])]
        metafunc.parametrize("server", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Server | ClusterServer:
    """Each of them in turn."""
    chosen: Server | ClusterServer = request.getfixturevalue(f"{request.param}_server")
    return chosen


@pytest.fixture
def site(request: pytest.FixtureRequest, server: Server | ClusterServer, prefix: str, tmp_path: Path) -> Iterator[Site]:
    """A site on Valkey, on Redis, and on a cluster whose slots move all the time."""
    site = Site(server.url, prefix, tmp_path)
    with ExitStack() as stack:
        stack.callback(site.close)
        if isinstance(server, ClusterServer):
            keys = [site.keys.events, site.keys.layout, *(site.keys.of(number).meta for number in range(PARTITIONS))]
            stack.callback(lambda: [site.client.delete(name) for name in site.keyspace()])  # or moves would last
            if request.function.__name__ not in STILL:
                site.still = stack.enter_context(SlotMover(server, keys, SEED)).still
        yield site


@pytest.fixture
def valkey_site(valkey_server: Server, prefix: str, tmp_path: Path) -> Iterator[Site]:
    """A site on Valkey only, for what takes long."""
    site = Site(valkey_server.url, prefix, tmp_path)
    yield site
    site.close()
