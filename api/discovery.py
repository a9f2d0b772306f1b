"""An OpenID Connect issuer asked over HTTP: its discovery document, and the keys that it signs with."""

import json
from typing import Any

import jwt
import requests

CONNECT_SECONDS, READ_SECONDS = 3.0, 5.0
LARGEST_BYTES = 524_288
MOST_KEYS = 100
ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})

Keys = dict[str, jwt.PyJWK]


class DiscoveryError(Exception):
    """An issuer that cannot be asked, or whose answer is of no use."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        super().__init__(f"{url}: {reason}")


def fetch_keys(issuer: str) -> Keys:
    """The keys that an issuer signs with, by their ids; blocks while it asks. Raises DiscoveryError."""
    url = issuer.rstrip("/") + "/.well-known/openid-configuration"
    with requests.Session() as session:
        said = _fetch(session, url)
        if said.get("issuer") != issuer:
            raise DiscoveryError(url, f"says that the issuer is {said.get('issuer')!r:.200}, not {issuer!r}")
        place = said.get("jwks_uri")
        if not isinstance(place, str) or not place.startswith(issuer.partition("//")[0] + "//"):
            raise DiscoveryError(url, "names no jwks_uri that is as well protected as the issuer")
        return _read_keys(place, _fetch(session, place))


def _read_keys(url: str, said: dict[str, Any]) -> Keys:
    listed = said.get("keys")
    keys: Keys = {}
    for fields in listed[:MOST_KEYS] if isinstance(listed, list) else ():
        try:
            key = jwt.PyJWK(fields)
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
            continue  # of a sort that is not known here: others may be
        if key.algorithm_name in ALGORITHMS and isinstance(key.key_id, str) and key.public_key_use in ("sig", None):
            keys[key.key_id] = key
    if not keys:
        raise DiscoveryError(url, "has no key with an id that verifies signatures")
    return keys


def _fetch(session: requests.Session, url: str) -> dict[str, Any]:
    try:
        with session.get(
            url,
            headers={"Accept": "application/json"},
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,
            stream=True,
        ) as response:
            if response.status_code != 200:
                raise DiscoveryError(url, f"answers {response.status_code}")
            content = b""
            for part in response.iter_content(65_536):
                content += part
                if len(content) > LARGEST_BYTES:
                    raise DiscoveryError(url, f"says more than {LARGEST_BYTES} bytes")
        said = json.loads(content)
    except requests.RequestException as error:
        raise DiscoveryError(url, f"cannot be asked: {type(error).__name__}") from error
    except (ValueError, RecursionError):
        raise DiscoveryError(url, "says no JSON") from None
    if not isinstance(said, dict):
        raise DiscoveryError(url, "says no JSON object")
    return said
