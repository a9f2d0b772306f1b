"""Passwords that a file holds, and what is told when a server does not let a user in or do something."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from streams.client import Client, connect
from streams.errors import NotPermittedError, SignInError, describe
from streams.signin import PasswordFile
from tests.streams.site import Site

KEY = b"a-key"


@pytest.fixture
def user(site: Site) -> Iterator[str]:
    """An ACL user of its own, with the password `first` and every right."""
    name = f"user-{site.keys.prefix}"
    site.client.call_primaries("ACL", "SETUSER", name, "on", ">first", "~*", "+@all")
    yield name
    site.client.call_primaries("ACL", "DELUSER", name)


@pytest.fixture
def client(site: Site, user: str, tmp_path: Path) -> Iterator[Client]:
    """A client whose password the file `password` holds."""
    (tmp_path / "password").write_text("first\n")
    with connect(site.url, PasswordFile(tmp_path / "password", user)) as client:
        yield client


def test_the_password_is_read_anew_for_every_connection(site: Site, user: str, client: Client, tmp_path: Path) -> None:
    assert client.call("ACL", "WHOAMI") == user.encode()
    site.client.call_primaries("ACL", "SETUSER", user, "resetpass", ">second")
    assert client.call("PING") == b"PONG"  # who is in stays in
    site.client.call_primaries("CLIENT", "KILL", "USER", user)
    with pytest.raises(redis.AuthenticationError) as refused:
        client.call("PING")
    assert re.fullmatch(
        r"Redis refused the credentials \(.*\): correct LONGSPAN_REDIS_URL, .*", describe(refused.value)
    )
    (tmp_path / "password").write_text("second")
    assert client.call("ACL", "WHOAMI") == user.encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"first\nsecond\n", "holds several lines"),
        (b"\xff", "is no text in UTF-8"),
    ],
)
def test_a_file_without_a_password_is_named_and_asked_again(
    site: Site, client: Client, tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "password"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(SignInError, match=rf"^the password file {path} {said}"):
            client.call("PING")
    path.write_bytes(b"first\r\n")
    assert client.call("PING") == b"PONG"


def test_a_file_without_a_user_is_the_password_of_the_default_user(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("first\n")
    assert PasswordFile(tmp_path / "password", None).get_credentials() == ("first",)


@pytest.mark.parametrize(
    ("rule", "command", "named"),
    [
        ("-get", ("GET", KEY), "GET on a-key"),
        ("~other", ("GET", KEY), "GET on a-key"),
        ("-info", ("INFO",), "INFO"),
        ("-get", ("EVAL", "return redis.call('GET', KEYS[1])", 1, KEY), "EVALSHA on a-key"),
        ("~other", ("EVAL", "return redis.call('GET', KEYS[1])", 1, KEY), "EVALSHA on a-key"),
    ],
)
def test_what_a_user_may_not_do_is_told_with_command_key_and_remedy(
    site: Site, user: str, client: Client, rule: str, command: tuple[bytes | str | int, ...], named: str
) -> None:
    site.client.call_primaries(
        "ACL", "SETUSER", user, "resetkeys", *(("~*", rule) if rule.startswith("-") else (rule,))
    )
    with pytest.raises(NotPermittedError) as error:
        client.call(*command)
    told = describe(error.value)
    assert re.fullmatch(rf"the Redis user may not run {named} \(.+\): give it the rules of its role in .*", told)
    assert client.call_all([command], raise_on_error=False)[0].args == error.value.args
