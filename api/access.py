"""Who is let in: by a token, by an OIDC issuer, by a trusted proxy, or, on loopback alone, everybody."""

import logging
from collections.abc import Callable
from typing import Protocol

from starlette.requests import Request

from api import challenges
from api.attempts import Attempts
from api.credentials import CredentialError, check_form, read_bearer
from api.identity import SCOPES, Identity
from api.issuer_keys import NoKeysError
from api.oidc import Oidc
from api.peers import Peers
from api.problems import Problem
from api.proxy_identity import ProxyIdentity
from api.same_origin import SAFE_METHODS, is_cross_site, is_local
from api.token_lines import StoredToken, find_token
from api.tokens import PREFIX, is_whole

logger = logging.getLogger(__name__)

LOCAL = Identity("local", frozenset(SCOPES), "open")
ANYBODY = Identity("anybody", frozenset({"read"}), "open")


class Tokens(Protocol):
    """Where the accepted tokens come from."""

    async def current(self) -> tuple[StoredToken, ...]:
        """All of them."""


class Access:
    """Lets requests in. Without `tokens`, `oidc` and `proxy` it is open, to requests for loopback's names alone.

    `namespace` is what tokens must be for. Whoever asks for a path of `open_paths` may read it.
    """

    def __init__(
        self,
        *,
        namespace: str,
        now_ns: Callable[[], int],
        peers: Peers,
        attempts: Attempts,
        tokens: Tokens | None = None,
        oidc: Oidc | None = None,
        proxy: ProxyIdentity | None = None,
        open_paths: frozenset[bytes] = frozenset(),
    ) -> None:
        self.peers = peers
        self._namespace = namespace
        self._now_ns = now_ns
        self._attempts = attempts
        self._tokens = tokens
        self._oidc = oidc
        self._proxy = proxy
        self._open_paths = open_paths

    @property
    def is_open(self) -> bool:
        """Whether nobody has to say who it is."""
        return self._proxy is None and not self.takes_tokens

    @property
    def takes_tokens(self) -> bool:
        """Whether there are tokens that let somebody in, and so a login page."""
        return self._tokens is not None or self._oidc is not None

    async def admit(self, request: Request) -> Identity:
        """Who asks, also kept as `request.state.identity`. Raises Problem 400, 401, 403, 421, 429 or 503."""
        identity = await self._identify(request)
        request.state.identity = identity
        return identity

    def check_scope(self, request: Request, scope: str) -> None:
        """That who was let in has a scope. Raises Problem 403."""
        identity: Identity = request.state.identity
        if scope not in identity.scopes:
            raise challenges.no_scope(scope, identity.scopes)

    async def check_token(self, request: Request, token: str) -> Identity:
        """Whose token it is, whichever way it came. Raises Problem 401, 403, 429 or 503."""
        try:
            check_form(token)
            return await self._whose(token)
        except CredentialError as error:
            raise self._refuse(request, error) from None
        except NoKeysError as error:
            raise Problem(
                503, "Service Unavailable", str(error), headers={"Retry-After": f"{error.retry_seconds:.0f}"}
            ) from None

    async def _identify(self, request: Request) -> Identity:
        if request.scope["raw_path"] in self._open_paths:
            return ANYBODY
        if self.is_open:
            if not is_local(request.headers):
                raise challenges.other_host()
            return self._by_itself(request, LOCAL)
        if self._proxy is not None and (user := self._proxy.identify(request)) is not None:
            return self._by_itself(request, user)
        return await self._by_bearer(request)

    async def _by_bearer(self, request: Request) -> Identity:
        https = self.peers.is_https(request.scope)
        bearer = read_bearer(request, https)
        if bearer is None:
            raise self._login(request, https) or challenges.no_token(self._remedy())
        try:
            identity = await self.check_token(request, bearer.token)
        except Problem as problem:
            login = self._login(request, https) if bearer.by_cookie and problem.status in (401, 429) else None
            raise login or problem from None
        request.state.by_cookie = bearer.by_cookie
        return self._by_itself(request, identity) if bearer.by_cookie else identity

    async def _whose(self, token: str) -> Identity:
        if token.startswith(PREFIX):
            if not is_whole(token):
                raise CredentialError("the token is cut off or mistyped: its checksum does not fit")
            stored = find_token(await self._tokens.current(), token) if self._tokens else None
            if stored is None:
                raise CredentialError("nobody has this token")
            if stored.expires_ns is not None and stored.expires_ns <= self._now_ns():
                raise CredentialError("the token has expired")
            if stored.namespace not in (None, self._namespace):
                raise challenges.wrong_namespace(stored.namespace or "", self._namespace)
            return Identity(stored.name, stored.scopes, "token")
        if self._oidc is None:
            raise CredentialError("this is no token of Longspan: those begin with lsp_")
        return await self._oidc.identify(token)

    def _by_itself(self, request: Request, identity: Identity) -> Identity:
        """Somebody whom the browser names by itself, whoever makes it ask."""
        if request.method not in SAFE_METHODS and is_cross_site(request.headers):
            raise challenges.other_site()
        return identity

    def _login(self, request: Request, https: bool) -> Problem | None:
        """The way to the login page, for a browser that shows a page."""
        wants_page = request.method in SAFE_METHODS and "text/html" in request.headers.get("accept", "")
        return challenges.LoginNeeded(request, https) if wants_page and self.takes_tokens else None

    def _refuse(self, request: Request, error: CredentialError) -> Problem:
        peer = self.peers.client(request.scope)
        wait_seconds = self._attempts.fail(peer)
        if wait_seconds is None:
            logger.warning("a token from %s was refused: %s", peer, error)
            return challenges.wrong_token(str(error))
        return challenges.too_many(wait_seconds)

    def _remedy(self) -> str:
        if self.takes_tokens:
            return "the header Authorization: Bearer TOKEN"
        return "a sign-in by the proxy before this API"
