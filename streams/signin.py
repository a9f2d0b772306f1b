"""Signing in to Redis with what changes while a process runs: a password in a file, or tokens that run out."""

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from weakref import WeakSet

import redis
from redis.auth.idp import IdentityProviderInterface
from redis.auth.token import TokenInterface
from redis.connection import ConnectionPool

from streams.errors import SignInError
from streams.persistence import Persistence

logger = logging.getLogger(__name__)

LEAST_SECONDS = 0.1  # between two requests for a token, however short its life
MOST_SECONDS = 10.0  # between two looks at the clock: on a machine that was asleep no wait has gone on


class PasswordFile(redis.CredentialProvider):
    """A password that a file holds: read anew for every connection, so that a rotation needs no restart."""

    def __init__(self, path: Path, user: str | None) -> None:
        self._path = path
        self._user = user

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """User, where there is one, and password. Raises SignInError where the file holds no password."""
        try:
            password = self._path.read_bytes().decode().removesuffix("\n").removesuffix("\r")
        except OSError as error:
            raise SignInError(f"the password file {self._path} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SignInError(f"the password file {self._path} is no text in UTF-8") from None
        if not password.strip():
            raise SignInError(f"the password file {self._path} is empty")
        if "\n" in password:
            raise SignInError(f"the password file {self._path} holds several lines: write the password alone")
        return (self._user, password) if self._user else (password,)


class TokenSignIn(redis.CredentialProvider):
    """Tokens that run out, as Microsoft Entra ID gives them. Half-way through the life of one the next is fetched.

    Connections are replaced then, since the server closes those whose token has run out. `source` gives tokens, with
    the user in the claim `oid`; `now_ms` tells the time. A thread renews from the first sign-in until `close`.
    """

    # redis-py's own TokenManager and StreamingCredentialProvider give up for good after one failure, renew only the
    # client that was made last, and forget the nodes of a cluster as soon as they are looked up anew.

    def __init__(self, source: IdentityProviderInterface, now_ms: Callable[[], int]) -> None:
        self._source = source
        self._now_ms = now_ms
        self._token: TokenInterface | None = None
        self._clients: WeakSet[redis.Redis | redis.RedisCluster] = WeakSet()
        self._stop = threading.Event()
        self._first = threading.Lock()
        self._thread = threading.Thread(target=self._renew, name="sign-in", daemon=True)

    def attach(self, client: redis.Redis | redis.RedisCluster) -> None:
        """Replace the connections of a client whenever the token is renewed."""
        self._clients.add(client)

    def get_credentials(self) -> tuple[str, str]:
        """User and token. Raises SignInError where there is no token that holds."""
        with self._first:
            if self._token is None:
                self._token = self._fetch()
                self._thread.start()
            token = self._token
        if self._left_ms(token) <= 0:
            raise SignInError("the token has run out, and a new one could not be had yet")
        return token.try_get("oid"), token.get_value()

    def close(self) -> None:
        """Renew no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _left_ms(self, token: TokenInterface) -> float:
        return token.get_expires_at_ms() - self._now_ms()

    def _fetch(self) -> TokenInterface:
        try:
            token = self._source.request_token(force_refresh=True)
        except Exception as error:  # whatever the library of an identity provider raises
            raise SignInError(f"no token could be had: {error}") from error
        if not token.try_get("oid"):
            raise SignInError("no token could be had: the one that came names no user in the claim oid")
        if self._left_ms(token) <= 0:
            raise SignInError("no token could be had: the one that came has run out already")
        return token

    def _renew(self) -> None:
        patience = Persistence(logger, "the sign-in")
        due_ms = self._half_ms()
        while not self._stop.wait(min(max((due_ms - self._now_ms()) / 1_000, LEAST_SECONDS), MOST_SECONDS)):
            if self._now_ms() < due_ms:
                continue
            try:
                self._take(self._fetch())
                due_ms = self._half_ms()
                patience.succeeded()
            except Exception as error:  # a thread that ended would end the sign-in half a token's life later
                patience.failed(error, self._stop)

    def _half_ms(self) -> float:
        assert self._token is not None
        return self._now_ms() + self._left_ms(self._token) / 2

    def _take(self, token: TokenInterface) -> None:
        assert self._token is not None
        if token.get_value() == self._token.get_value():
            return
        self._token = token
        for pool in [pool for client in list(self._clients) for pool in _pools(client)]:
            pool.update_active_connections_for_reconnect()  # those in use, when they come back
            pool.disconnect_free_connections()


def _pools(client: redis.Redis | redis.RedisCluster) -> Iterator[ConnectionPool]:
    if isinstance(client, redis.Redis):
        yield client.connection_pool
        return
    for node in client.get_nodes():  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
        if node.redis_connection is not None:
            yield node.redis_connection.connection_pool
