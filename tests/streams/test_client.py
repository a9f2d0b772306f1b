"""Clients that never repeat a command by themselves, and streams that are read behind their positions."""

import pytest
import redis

from streams.client import check_kind, connect, read_streams
from streams.errors import KeyTypeError
from tests.streams.proxy import Proxy
from tests.streams.site import Site


def test_a_command_whose_answer_was_lost_is_not_repeated(site: Site) -> None:
    with Proxy(int(site.url.rpartition(":")[2])) as proxy, connect(f"redis://127.0.0.1:{proxy.port}") as client:
        client.call("XADD", site.keys.events, "*", "a", "b")
        for number in range(3):
            proxy.cut_after(b"XADD")
            with pytest.raises(redis.ConnectionError):
                client.call("XADD", site.keys.events, "*", "a", "b")
            assert site.client.xlen(site.keys.events) == number + 2
    assert proxy.cuts == 3


@pytest.mark.parametrize("url", ["", "http://host", "nonsense"])
def test_what_is_no_url_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must begin with redis://"):
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
