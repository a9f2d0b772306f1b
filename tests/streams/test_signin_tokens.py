"""Tokens that run out: connections are replaced in time, and a source that fails for a while stops nothing."""

import logging
import time
from collections.abc import Callable, Iterator

import pytest
from redis.auth.idp import IdentityProviderInterface
from redis.auth.token import SimpleToken

from streams.client import Client, connect
from streams.errors import SignInError
from streams.signin import TokenSignIn
from tests.streams.site import Site
from tests.support.waiting import wait_for

LIFE_MS = 900


def now_ms() -> int:
    """Real time: a thread waits for it."""
    return time.time_ns() // 1_000_000


class Authority(IdentityProviderInterface):
    """Gives tokens that live for LIFE_MS and makes the last one the password of the user, as Azure does.

    `enforce` counts in `overstayed` how often a connection was there whose token had run out, which Azure closes.
    """

    def __init__(self, site: Site) -> None:
        self.user = f"oid-{site.keys.prefix}"
        self.issued = 0
        self.refuses = ""
        self.overstayed = 0
        self.expires_ms = 0
        self._site = site
        self._older: list[tuple[int, dict[str, int]]] = []  # when a token runs out, and the last client that may use it

    def request_token(self, force_refresh: bool = False) -> SimpleToken:
        """The next token."""
        if self.refuses:
            raise RuntimeError(self.refuses)
        call = self._site.client.call_primaries
        if self.issued:
            self._older.append((self.expires_ms, {where: max([0, *ids]) for where, ids in self._ids().items()}))
        self.issued += 1
        value = f"token-{self.issued}"
        call("ACL", "SETUSER", self.user, "on", "resetpass", f">{value}", "~*", "+@all")
        self.expires_ms = now_ms() + LIFE_MS
        return SimpleToken(value, self.expires_ms, now_ms(), {"oid": self.user})

    def enforce(self) -> None:
        """Look for what may not be open any longer."""
        for expires_ms, last in list(self._older):
            if expires_ms <= now_ms():
                self._older.remove((expires_ms, last))
                if any(number <= last[where] for where, ids in self._ids().items() for number in ids):
                    self.overstayed += 1

    def _ids(self) -> dict[str, list[int]]:
        """The clients of the user, by server."""
        found: dict[str, list[int]] = {}
        for where, reply in self._site.client.call_primaries("CLIENT", "LIST").items():
            facts = [dict(pair.partition("=")[::2] for pair in line.split()) for line in reply.decode().splitlines()]
            found[where] = [int(fact["id"]) for fact in facts if fact["user"] == self.user]
        return found


@pytest.fixture
def authority(site: Site) -> Iterator[Authority]:
    """An authority for a user of its own."""
    authority = Authority(site)
    yield authority
    site.client.call_primaries("ACL", "DELUSER", authority.user)


@pytest.fixture
def sign_in(authority: Authority) -> Iterator[TokenSignIn]:
    """Signs in with that authority's tokens."""
    sign_in = TokenSignIn(authority, now_ms)
    yield sign_in
    sign_in.close()


@pytest.fixture
def make(site: Site, sign_in: TokenSignIn) -> Iterator[Callable[[], Client]]:
    """Makes clients that are closed with the test."""
    clients: list[Client] = []

    def make() -> Client:
        clients.append(connect(site.url, sign_in))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def test_a_worker_goes_on_for_several_lives_of_tokens_without_a_fault(
    site: Site, authority: Authority, make: Callable[[], Client]
) -> None:
    worker, router, idle = site.worker(make), site.router(make()), make()
    idle.call("PING")
    started = 0
    while authority.issued < 6:
        started += 1
        site.emit(site.event(f"wf-{started}", "started"), site.event(f"wf-{started}", "finished"))
        router.step(20)
        worker.step(20)
        authority.enforce()
    site.settle(worker)
    assert worker.results == {"applied": 2 * started}
    assert authority.overstayed == 0
    assert idle.call("PING") == b"PONG"


def test_a_connection_in_use_is_replaced_when_it_comes_back(
    site: Site, authority: Authority, make: Callable[[], Client]
) -> None:
    client = make()
    while authority.issued < 3:
        client.call("BLPOP", b"nothing", 0.6)  # longer than half a token's life
        authority.enforce()
    assert authority.overstayed == 0


def test_a_source_that_fails_for_a_while_is_told_once_and_asked_again(
    site: Site, authority: Authority, make: Callable[[], Client], caplog: pytest.LogCaptureFixture
) -> None:
    client = make()
    with caplog.at_level(logging.INFO):
        client.call("PING")
        authority.refuses = "the authority\nis away"
        wait_for(lambda: now_ms() > authority.expires_ms)
        assert client.call("PING") == b"PONG"  # as long as the server lets it be open
        site.client.call_primaries("CLIENT", "KILL", "USER", authority.user)
        with pytest.raises(SignInError, match="the token has run out, and a new one could not be had yet"):
            client.call("PING")
        authority.refuses = ""
        wait_for(lambda: "the sign-in goes on after" in caplog.text)
        assert client.call("PING") == b"PONG"
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "the sign-in waits: no token could be had: the authority is away"
    assert len(lines) == 2
    assert lines[1].startswith("the sign-in goes on after")
    assert all(record.exc_info is None for record in caplog.records)


def test_the_first_token_that_cannot_be_had_is_told_to_who_connects_and_asked_for_again(
    site: Site, authority: Authority, make: Callable[[], Client]
) -> None:
    client = make()
    authority.refuses = "the authority is away"
    for _ in range(2):
        with pytest.raises(SignInError, match="no token could be had: the authority is away"):
            client.call("PING")
    authority.refuses = ""
    assert client.call("PING") == b"PONG"


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (SimpleToken("t", 2**62, 0, {}), "names no user in the claim oid"),
        (SimpleToken("t", 1.0, 0, {"oid": "someone"}), "has run out already"),
    ],
)
def test_a_token_that_is_no_use_is_refused(token: SimpleToken, said: str) -> None:
    class Source(IdentityProviderInterface):
        def request_token(self, force_refresh: bool = False) -> SimpleToken:
            return token

    with pytest.raises(SignInError, match=said):
        TokenSignIn(Source(), now_ms).get_credentials()
