"""From the text of a setting about access to its value; each reader raises ValueError with what would be right."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from api.token_lines import StoredToken, TokenLinesError, parse_tokens
from api.tokens import HASH_PREFIX, PREFIX
from longspan.loopback import is_loopback

Network = IPv4Network | IPv6Network
TokenSource = Path | tuple[StoredToken, ...]


def read_token_source(text: str) -> TokenSource | None:
    """A file of tokens, or the tokens themselves: a text with a hash in it is no path. None where the text is empty."""
    if HASH_PREFIX in text:
        try:
            return parse_tokens(text)
        except TokenLinesError as error:
            raise ValueError(f"stores no tokens: {error}") from None
    if PREFIX in text:
        raise ValueError("is a token: store its hash, in the line that `longspan token new` prints, or name a file")
    return Path(text).expanduser().absolute() if text else None


def read_issuer(text: str) -> str | None:
    """The URL of an OIDC issuer, exactly as its tokens have it; None where the text is empty."""
    if not text:
        return None
    parts = urlsplit(text)
    local = parts.scheme == "http" and is_loopback(parts.hostname or "")
    if not (parts.scheme == "https" or local) or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("must be an https URL, such as https://login.microsoftonline.com/TENANT/v2.0")
    return text


def read_names(text: str) -> frozenset[str]:
    """Names separated by commas."""
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def read_header(text: str) -> str | None:
    """The name of a header; None where the text is empty."""
    if text and not re.fullmatch(r"[A-Za-z0-9-]{1,64}", text):
        raise ValueError("must be the name of a header, such as X-Forwarded-Email")
    return text or None


def read_networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks separated by commas."""
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(f"must be addresses and networks, such as 127.0.0.1,10.0.8.0/24: {error}") from None


def read_switch(text: str) -> bool:
    """Yes or no."""
    if text.lower() not in ("yes", "no"):
        raise ValueError("must be yes or no")
    return text.lower() == "yes"
