"""A client of a cluster: each command goes to its slot's node, and is sent again only where it was refused."""

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import redis
from redis.crc import key_slot
from redis.exceptions import ClusterDownError, NoScriptError, TryAgainError

from streams.client import LONGEST_PAUSE_MS, SHORTEST_PAUSE_MS, Client, connect, read_streams
from streams.commit import Commit
from streams.committing import run_commits
from streams.errors import KeyTypeError
from streams.keys import Keys
from streams.lease import claim
from streams.scripts import HOLD
from streams.standalone import Standalone
from tests.streams.proxy import Proxy
from tests.support.cluster import OPTIONS, ClusterServer, SlotMover
from tests.support.seeds import SEED
from tests.support.servers import REDIS, VALKEY, Server, free_port, running
from tests.support.waiting import wait_for

SET_BOTH = "redis.call('INCR', KEYS[1]) return redis.call('INCR', KEYS[2])"


@pytest.fixture
def client(cluster_server: ClusterServer) -> Iterator[Client]:
    """A client of the cluster."""
    with connect(cluster_server.url) as client:
        yield client


@pytest.fixture(scope="module")
def lone_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A cluster of one node that has every slot."""
    options = (*OPTIONS, "--cluster-port", str(free_port()))
    with running(REDIS or VALKEY, tmp_path_factory.mktemp("lone"), *options) as node:
        with node.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
            wait_for(lambda: "cluster_state:ok" in str(client.execute_command("CLUSTER", "INFO")))
        yield node


def names(prefix: str, count: int = 12) -> list[bytes]:
    """Keys of as many slots."""
    return [Keys(prefix).of(number).events for number in range(count)]


def test_a_plain_url_of_one_node_becomes_a_client_of_the_whole_cluster(
    cluster_server: ClusterServer, prefix: str
) -> None:
    with connect(cluster_server.nodes[1].url) as client:
        assert client.call_all([("SET", key, key) for key in names(prefix)]) == [b"OK"] * 12
        assert client.call_all([("GET", key) for key in names(prefix)]) == names(prefix)
        assert len(client.call_primaries("PING")) == 3
        assert client.call("TIME")


def test_an_error_of_one_command_leaves_those_at_other_nodes_alone(client: Client, prefix: str) -> None:
    keys = names(prefix)
    client.call("SET", keys[3], "x")
    replies = client.call_all([("XADD", key, "1-1", "a", "b") for key in keys], raise_on_error=False)
    assert [number for number, reply in enumerate(replies) if reply != b"1-1"] == [3]
    assert isinstance(replies[3], redis.ResponseError)
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        client.call_all([("XADD", key, "2-1", "a", "b") for key in keys])


def test_keys_of_two_slots_in_one_command_are_refused_by_the_server(client: Client, prefix: str) -> None:
    with pytest.raises(redis.ResponseError, match="same slot"):
        client.call("MGET", *names(prefix, 2))


def test_a_script_that_a_node_has_forgotten_is_sent_to_it(client: Client, prefix: str) -> None:
    arguments: list[bytes | str | int] = ["me", "nonce", 1_000, ""]
    calls = [([Keys(prefix).of(number).exporter], arguments) for number in range(12)]
    assert HOLD.call_each(client, calls) == [[b"claimed"]] * 12
    client.call_primaries("SCRIPT", "FLUSH")
    assert isinstance(client.call_all([("EVALSHA", "0" * 40, 1, "k")], raise_on_error=False)[0], NoScriptError)
    assert {reply[0] for reply in HOLD.call_each(client, calls)} == {b"held"}


def test_a_script_whose_keys_are_being_moved_is_refused_alone_and_runs_when_they_have(
    cluster_server: ClusterServer, client: Client, prefix: str
) -> None:
    one, other = (f"{prefix}:{{{prefix}}}:{number}".encode() for number in (1, 2))
    script = ("EVAL", SET_BOTH, 2, one, other)
    assert client.call(*script) == 1
    with closing(SlotMover(cluster_server, [one], SEED)) as mover:
        with mover.half_way(key_slot(one)) as migrate:
            assert client.call(*script) == 2
            migrate(one)
            refused, applied = client.call_all([script, ("INCR", prefix)], raise_on_error=False)
            assert isinstance(refused, TryAgainError)
            assert applied == 1
            assert client.call_all([("GET", key) for key in (one, other)]) == [b"2", b"2"]
            migrate(other)
            assert client.call(*script) == 3
        assert client.call(*script) == 4


def test_keys_that_are_read_together_are_read_one_by_one_while_they_are_on_two_nodes(
    cluster_server: ClusterServer, client: Client, prefix: str
) -> None:
    one, other, none, wrong = (f"{prefix}:{{{prefix}}}:{number}".encode() for number in range(4))
    client.call_all([("SET", one, "1"), ("SET", other, "2"), ("RPUSH", wrong, "x")])
    with closing(SlotMover(cluster_server, [one], SEED)) as mover, mover.half_way(key_slot(one)) as migrate:
        migrate(one)
        assert client.call_all([("MGET", one, other, none, wrong), ("GET", other)]) == [[b"1", b"2", None, None], b"2"]


def test_a_commit_in_a_slot_that_is_being_moved_is_whole_although_keys_were_emptied_on_the_way(
    cluster_server: ClusterServer, client: Client, prefix: str
) -> None:
    owned = Keys(prefix).of(0)
    lease = claim(client, owned, "somebody", 60_000)
    assert lease is not None
    waiting = owned.waiting("w")
    client.call_all([("ZADD", owned.held, 1, "a"), ("RPUSH", waiting, "x", "y"), ("SET", owned.workflow("w"), "x")])
    commit = Commit(owned, lease)
    commit.add("ZREM", owned.held, "zset", "a", "w")
    commit.add("ZREM", owned.held, "zset", b"not there")
    commit.add("ZADD", owned.held, "zset", "2", "w", "3", "v")
    commit.replace_list(waiting, ["z"])
    commit.add("DEL", owned.workflow("w"), "string")
    with closing(SlotMover(cluster_server, [owned.meta], SEED)) as mover, mover.half_way(key_slot(owned.meta)):
        assert run_commits(client, [(0, commit, lease.cursor, 0)]) == {0: None}
    assert client.call("ZRANGE", owned.held, 0, -1) == [b"w", b"v"]
    assert client.call("LRANGE", waiting, 0, -1) == [b"z"]
    assert client.call("EXISTS", owned.workflow("w")) == 0


def test_streams_of_many_slots_are_read_behind_their_positions(client: Client, prefix: str) -> None:
    keys = names(prefix)
    client.call_all([("XADD", key, f"{number}-1", "a", "b") for number, key in enumerate(keys) if number % 3 == 1])
    found: dict[bytes, Any] = read_streams(client, dict.fromkeys(keys, b"4-1"), 10, 0)
    assert found == {keys[number]: [[b"%d-1" % number, [b"a", b"b"]]] for number in (7, 10)}
    client.call("SET", keys[0], "x")
    with pytest.raises(KeyTypeError) as caught:
        read_streams(client, dict.fromkeys(keys, b"4-1"), 10, 0)
    assert caught.value.key == keys[0]


def test_the_wait_for_streams_grows_while_nothing_comes_and_ends_when_something_does(
    cluster_server: ClusterServer, client: Client, prefix: str
) -> None:
    keys = names(prefix)
    assert read_streams(client, dict.fromkeys(keys, b"0-0"), 10, 800) == {}
    assert client.pause_ms == LONGEST_PAUSE_MS
    with connect(cluster_server.url) as producer:
        late = threading.Timer(0.15, lambda: producer.call("XADD", keys[5], "1-1", "a", "b"))
        late.start()
        assert list(read_streams(client, dict.fromkeys(keys, b"0-0"), 10, 60_000)) == [keys[5]]
        late.join()
    assert client.pause_ms == SHORTEST_PAUSE_MS


def test_a_plain_server_that_will_not_have_several_slots_in_one_command_is_asked_for_each(
    lone_node: Server, prefix: str
) -> None:
    keys = names(prefix, 3)
    with Client(Standalone(lone_node.client())) as client, lone_node.client() as beside:  # as a proxy before a cluster
        client.call("XADD", keys[1], "1-1", "a", "b")
        for _ in range(3):
            assert list(read_streams(client, dict.fromkeys(keys, b"0-0"), 10, 0)) == [keys[1]]
        assert beside.info("commandstats")["cmdstat_xread"]["rejected_calls"] == 1


def test_a_command_whose_answer_was_lost_is_not_repeated_in_a_cluster(lone_node: Server, prefix: str) -> None:
    key = names(prefix)[0]
    with Proxy(lone_node.port) as proxy, lone_node.client() as beside:
        beside.config_set("cluster-announce-port", proxy.port)
        with connect(f"redis+cluster://127.0.0.1:{proxy.port}") as client:
            for number in range(3):
                assert client.call("XLEN", key) == number
                proxy.cut_after(b"XADD")
                with pytest.raises(redis.ConnectionError):
                    client.call_all([("XADD", key, "*", "a", "b"), ("PING",)])
            assert proxy.cuts == 3
            assert client.call("XLEN", key) == 3
        beside.config_set("cluster-announce-port", 0)


def test_a_slot_that_nobody_has_is_said_to_be_away_and_found_when_somebody_has_it(
    lone_node: Server, prefix: str
) -> None:
    key = names(prefix)[0]
    with connect(lone_node.url) as client, lone_node.client() as beside:
        beside.config_set("cluster-require-full-coverage", "no")
        client.call("SET", key, "x")
        beside.execute_command("CLUSTER", "DELSLOTS", key_slot(key))
        with pytest.raises(ClusterDownError):
            client.call_all([("GET", key)], raise_on_error=False)
        beside.execute_command("CLUSTER", "ADDSLOTS", key_slot(key))
        assert client.call("GET", key) == b"x"
        beside.config_set("cluster-require-full-coverage", "yes")


def test_a_node_that_was_away_is_found_again(lone_node: Server, prefix: str) -> None:
    key = names(prefix)[0]
    with connect(lone_node.url.replace("redis:", "redis+cluster:")) as client:
        client.call("SET", key, "x")
        lone_node.kill()
        for _ in range(2):
            with pytest.raises(redis.ConnectionError):
                client.call("GET", key)
        lone_node.start()

        def answer() -> object:
            try:
                return client.call("GET", key)
            except redis.RedisError:
                return None

        assert wait_for(answer) == b"x"


def test_a_server_that_is_no_cluster_says_so(valkey_server: Server) -> None:
    with (
        connect(valkey_server.url.replace("redis:", "redis+cluster:")) as client,
        pytest.raises(redis.ResponseError, match="cluster support disabled"),
    ):
        client.call("GET", "x")
