"""Bearer tokens of an OpenID Connect issuer: checked by its keys, and told as who asks and what they may."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeGuard

import jwt
from jwt.types import Options

from api.credentials import CredentialError
from api.discovery import ALGORITHMS
from api.identity import Identity, Roles, as_name
from api.issuer_keys import IssuerKeys

LEEWAY_SECONDS = 60  # that the issuer's clock may differ from ours

_ROLE_CLAIMS = ("roles", "groups", "scp", "scope")
_NAME_CLAIMS = ("preferred_username", "upn", "email", "azp", "appid", "client_id", "sub")
_OPTIONS: Options = {
    "require": ["exp", "iss", "aud"],
    "verify_exp": False,  # times are checked here, by the clock that is passed in
    "verify_nbf": False,
    "verify_iat": False,
}


class Oidc:
    """Checks tokens of one issuer for our audiences. `now_ns` is the time, in ns since the epoch."""

    def __init__(
        self, issuer: str, audiences: frozenset[str], roles: Roles, keys: IssuerKeys, now_ns: Callable[[], int]
    ) -> None:
        self._issuer = issuer
        self._audiences = audiences
        self._roles = roles
        self._keys = keys
        self._now_ns = now_ns

    async def identify(self, token: str) -> Identity:
        """Whose token it is. Raises CredentialError, NoKeysError.

        What needs no key is looked at first: rubbish costs no signature, and the issuer is asked nothing for it.
        """
        key_id = self._look_at(token)
        key = await self._keys.find(key_id)
        if key is None:
            raise CredentialError("the issuer has no key of the token's kid")
        try:
            claims = jwt.decode(
                token,
                key,
                [key.algorithm_name],
                _OPTIONS,
                audience=self._audiences,
                issuer=self._issuer,
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise CredentialError(f"the token does not verify: {type(error).__name__}") from None
        self._check_times(claims)
        subject = claims.get("sub")
        return Identity(_name(claims), self._roles.scopes(_roles(claims)), "oidc", as_name(subject) if subject else "")

    def _look_at(self, token: str) -> str:
        """The id of the key that has signed it, as it says."""
        try:
            said = jwt.decode_complete(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise CredentialError("this is neither a token of Longspan nor a JWT") from None
        header, claims = said["header"], said["payload"]
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise CredentialError("the token is not signed by a public-key algorithm")
        key_id = header.get("kid")
        if not isinstance(key_id, str):
            raise CredentialError("the token does not name its key (kid)")
        if claims.get("iss") != self._issuer:
            raise CredentialError("the token is of another issuer")
        audience = claims.get("aud")
        if not self._audiences.intersection(_texts(audience if isinstance(audience, list) else [audience])):
            raise CredentialError("the token is for another audience")
        self._check_times(claims)
        return key_id

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._now_ns() / 1e9
        ends, begins = claims.get("exp"), claims.get("nbf", 0)
        if not (_is_number(ends) and _is_number(begins)):
            raise CredentialError("the token's exp or nbf is no number")
        if ends + LEEWAY_SECONDS <= now:
            raise CredentialError("the token has expired")
        if begins - LEEWAY_SECONDS > now:
            raise CredentialError("the token is not valid yet")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e18 < value < 1e18


def _roles(claims: Mapping[str, Any]) -> Iterator[str]:
    """Roles, groups and scopes of a token: a list, or a text with spaces between them."""
    for claim in _ROLE_CLAIMS:
        value = claims.get(claim)
        yield from value.split() if isinstance(value, str) else _texts(value if isinstance(value, list) else ())


def _texts(values: Any) -> Iterator[str]:
    return (value for value in values if isinstance(value, str))


def _name(claims: Mapping[str, Any]) -> str:
    names = (claims.get(claim) for claim in _NAME_CLAIMS)
    return as_name(next((name for name in names if isinstance(name, str) and name), "unnamed"))
