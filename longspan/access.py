"""Who may use the API, as the settings say; and that it is open to everybody on loopback alone."""

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from longspan.errors import WRONG_USE, LongspanError, SettingsError
from longspan.loopback import is_loopback
from longspan.settings import Settings

if TYPE_CHECKING:
    from api.access import Access, Tokens
    from api.oidc import Oidc

METRICS_PATH = b"/metrics"


class OpenListenError(LongspanError):
    """An address that others can reach, for an API that lets everybody in."""

    exit_status = WRONG_USE

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(
            f"--host {host}: the API lets everybody in, so it listens on this machine alone (127.0.0.1, ::1). "
            "To listen elsewhere say who may use it: LONGSPAN_API_TOKENS (see `longspan token new --help`), "
            "LONGSPAN_OIDC_ISSUER, or LONGSPAN_PROXY_USER_HEADER"
        )


def is_open(settings: Settings) -> bool:
    """Whether nothing says who may use the API."""
    return settings.api_tokens is None and settings.oidc_issuer is None and settings.proxy_user_header is None


def check_host(settings: Settings, host: str) -> None:
    """Raises OpenListenError where everybody could use an API that listens there."""
    if is_open(settings) and not is_loopback(host):
        raise OpenListenError(host)


def make_access(settings: Settings) -> "Access":
    """What lets requests in. Raises SettingsError for a file of tokens that cannot be read."""
    from api.access import Access
    from api.attempts import Attempts
    from api.identity import Roles
    from api.peers import Peers
    from api.proxy_identity import ProxyIdentity

    peers = Peers(settings.trusted_proxies)
    roles = Roles(settings.read_roles, settings.write_roles)
    proxy = None
    if settings.proxy_user_header is not None:
        proxy = ProxyIdentity(settings.proxy_user_header, settings.proxy_groups_header, roles, peers)
    return Access(
        namespace=settings.namespace,
        now_ns=time.time_ns,
        peers=peers,
        attempts=Attempts(time.monotonic),
        tokens=_tokens(settings),
        oidc=_oidc(settings),
        proxy=proxy,
        open_paths=frozenset({METRICS_PATH} if settings.metrics_open else ()),
    )


def _tokens(settings: Settings) -> "Tokens | None":
    from api.token_file import GivenTokens, TokenFile
    from api.token_lines import TokenLinesError

    source = settings.api_tokens
    if not isinstance(source, Path):
        return None if source is None else GivenTokens(source)
    try:
        return TokenFile(source, time.monotonic)
    except TokenLinesError as error:
        raise SettingsError([f"LONGSPAN_API_TOKENS: {source}: {problem}" for problem in error.problems]) from None


def _oidc(settings: Settings) -> "Oidc | None":
    if settings.oidc_issuer is None:
        return None
    from api.discovery import fetch_keys
    from api.identity import Roles
    from api.issuer_keys import IssuerKeys
    from api.oidc import Oidc

    keys = IssuerKeys(partial(fetch_keys, settings.oidc_issuer), time.monotonic)
    roles = Roles(settings.read_roles, settings.write_roles)
    return Oidc(settings.oidc_issuer, settings.oidc_audience, roles, keys, time.time_ns)
