"""Connections that never repeat a command by themselves, and servers that are fit or unfit."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from streams.client import Client, check_kind, check_server, connect, persistence, read_streams
from streams.errors import KeyTypeError, ServerUnfitError
from tests.streams.proxy import Proxy
from tests.streams.site import Site
from tests.support.servers import REDIS, VALKEY, Server, running

BINARIES = [
    VALKEY,
    pytest.param(REDIS, marks=pytest.mark.skipif(REDIS is None, reason="no redis-server on the PATH")),
]


@contextmanager
def connected(url: str) -> Iterator[Client]:
    """A client until the block ends."""
    client = connect(url)
    try:
        yield client
    finally:
        client.close()


def test_a_fit_server_says_what_it_is(site: Site, server: Server) -> None:
    assert check_server(site.client).partition(" ")[0] in ("Redis", "Valkey")
    assert persistence(site.client) == "append-only file"


@pytest.mark.parametrize("binary", BINARIES, ids=["valkey", "redis"])
def test_a_server_that_evicts_keys_is_refused_with_the_remedy(binary: str, tmp_path: Path) -> None:
    arguments = ("--maxmemory-policy", "allkeys-lru", "--appendonly", "no")
    with running(binary, tmp_path, *arguments) as server, connected(server.url) as client:
        with pytest.raises(ServerUnfitError, match=r"maxmemory-policy allkeys-lru\): set maxmemory-policy noeviction"):
            check_server(client)
        assert persistence(client) == "none"
        client.config_set("save", "60 1")
        assert persistence(client) == "snapshots only"


@pytest.mark.parametrize("binary", BINARIES, ids=["valkey", "redis"])
def test_a_replica_is_refused(binary: str, tmp_path: Path) -> None:
    with (
        running(binary, tmp_path / "primary") as primary,
        running(binary, tmp_path / "replica", "--replicaof", f"127.0.0.1 {primary.port}") as replica,
        connected(replica.url) as client,
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
def test_a_server_that_is_too_old_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch, info: dict[str, str], said: str
) -> None:
    monkeypatch.setattr(site.client, "info", lambda: info)
    with pytest.raises(ServerUnfitError, match=said):
        check_server(site.client)


def test_a_command_whose_answer_was_lost_is_not_repeated(site: Site) -> None:
    with Proxy(int(site.url.rpartition(":")[2])) as proxy, connected(f"redis://127.0.0.1:{proxy.port}") as client:
        client.call("XADD", site.keys.events, "*", "a", "b")
        for number in range(3):
            proxy.cut_after(b"XADD")
            with pytest.raises(redis.ConnectionError):
                client.call("XADD", site.keys.events, "*", "a", "b")
            assert site.client.xlen(site.keys.events) == number + 2
    assert proxy.cuts == 3


@pytest.mark.parametrize("url", ["", "http://host", "nonsense"])
def test_what_is_no_url_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="scheme"):
        connect(url)


def test_streams_are_read_behind_their_positions(site: Site) -> None:
    one, two = site.keys.of(0).events, site.keys.of(1).events
    for number in (1, 2, 3):
        site.client.call("XADD", one, f"{number}-0", "a", str(number))
    found = read_streams(site.client, {one: b"1-0", two: b"0-0"}, 1, 0)
    assert [(key, [tuple(entry) for entry in entries]) for key, entries in found.items()] == [
        (one, [(b"2-0", [b"a", b"2"])])
    ]
    assert read_streams(site.client, {one: b"3-0"}, 1, 0) == {}
    assert read_streams(site.client, {one: b"3-0"}, 1, 1) == {}


def test_a_key_that_is_no_stream_is_named(site: Site) -> None:
    one, two = site.keys.of(0).events, site.keys.of(1).events
    site.client.call("XADD", one, "*", "a", "b")
    site.client.call("SET", two, "x")
    with pytest.raises(KeyTypeError) as error:
        read_streams(site.client, {one: b"0-0", two: b"0-0"}, 1, 0)
    assert error.value.key == two
    check_kind(site.client, two, "string")
    check_kind(site.client, b"nothing", "zset")
    with pytest.raises(KeyTypeError, match="holds a string, not a zset: rename or delete it"):
        check_kind(site.client, two, "zset")


def test_an_error_of_one_command_is_an_element_where_that_is_asked_for(site: Site) -> None:
    key = site.keys.layout
    site.client.call("SET", key, "x")
    commands = [("GET", key), ("HGET", key, "y"), ("GET", key)]
    first, second, third = site.client.call_all(commands, raise_on_error=False)
    assert (first, third) == (b"x", b"x")
    assert isinstance(second, redis.ResponseError)
    with pytest.raises(redis.ResponseError):
        site.client.call_all(commands)
