"""Servers that are fit or unfit, and how they keep data."""

from pathlib import Path

import pytest

from streams.client import connect
from streams.errors import ServerUnfitError
from streams.server_check import check_server, judge, persistence
from tests.streams.site import Site
from tests.support.cluster import ClusterServer
from tests.support.servers import REDIS, VALKEY, running

BINARIES = [
    VALKEY,
    pytest.param(REDIS, marks=pytest.mark.skipif(REDIS is None, reason="no redis-server on the PATH")),
]


def test_a_fit_server_says_what_it_is(site: Site) -> None:
    assert check_server(site.client).partition(" ")[0] in ("Redis", "Valkey")
    assert persistence(site.client) == "append-only file"


@pytest.mark.parametrize("binary", BINARIES, ids=["valkey", "redis"])
def test_a_server_that_evicts_keys_is_refused_with_the_remedy(binary: str, tmp_path: Path) -> None:
    arguments = ("--maxmemory-policy", "allkeys-lru", "--appendonly", "no")
    with running(binary, tmp_path, *arguments) as server, connect(server.url) as client:
        with pytest.raises(ServerUnfitError, match=r"maxmemory-policy allkeys-lru\): set maxmemory-policy noeviction"):
            check_server(client)
        assert persistence(client) == "none"
        client.call("CONFIG", "SET", "save", "60 1")
        assert persistence(client) == "snapshots only"


@pytest.mark.parametrize("binary", BINARIES, ids=["valkey", "redis"])
def test_a_replica_is_refused(binary: str, tmp_path: Path) -> None:
    with (
        running(binary, tmp_path / "primary") as primary,
        running(binary, tmp_path / "replica", "--replicaof", f"127.0.0.1 {primary.port}") as replica,
        connect(replica.url) as client,
        pytest.raises(ServerUnfitError, match="read-only replica: connect to the primary"),
    ):
        check_server(client)


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({"redis_version": "6.2.14"}, "Redis 6.2.14 is too old"),
        ({"redis_version": "7.2.4", "valkey_version": "7.2.5"}, "Valkey 7.2.5 is too old"),
        ({}, "Redis 0 is too old"),
    ],
)
def test_a_server_that_is_too_old_is_refused(info: dict[str, str], said: str) -> None:
    with pytest.raises(ServerUnfitError, match=said):
        judge(info)


def test_every_primary_of_a_cluster_has_to_be_fit(cluster_server: ClusterServer) -> None:
    with connect(cluster_server.url) as client:
        assert check_server(client).endswith(", a cluster of 3 primaries")
        assert persistence(client) == "append-only file"
        with cluster_server.nodes[2].client() as one:
            try:
                one.config_set("maxmemory-policy", "allkeys-lru")
                one.config_set("appendonly", "no")
                with pytest.raises(ServerUnfitError, match="set maxmemory-policy noeviction"):
                    check_server(client)
                assert persistence(client) == "none"
            finally:
                one.config_set("maxmemory-policy", "noeviction")
                one.config_set("appendonly", "yes")
