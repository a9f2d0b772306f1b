"""Who is at the other end of a connection, and what trusted proxies say of who is behind them."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.datastructures import Headers
from starlette.types import Scope

Network = IPv4Network | IPv6Network
UNKNOWN = "unknown"
_MOST_HOPS = 16


class Peers:
    """Knows the networks of trusted proxies. Headers about the client are believed only from there."""

    def __init__(self, trusted: tuple[Network, ...] = ()) -> None:
        self._trusted = trusted

    def is_trusted(self, scope: Scope) -> bool:
        """Whether the connection comes from a trusted proxy."""
        return self._trusts(_peer(scope))

    def client(self, scope: Scope) -> str:
        """The address of who asks: the peer, or the nearest hop before trusted proxies."""
        address = _peer(scope)
        for hop in _hops(scope):
            if not self._trusts(address):
                break
            address = hop
        return UNKNOWN if address is None else str(address)

    def is_https(self, scope: Scope) -> bool:
        """Whether the client's own connection is encrypted."""
        if scope["scheme"] == "https":
            return True
        if not self._trusted or not self.is_trusted(scope):
            return False
        said = ",".join(Headers(scope=scope).getlist("x-forwarded-proto"))
        return said.rpartition(",")[2].strip().lower() == "https"

    def _trusts(self, address: IPv4Address | IPv6Address | None) -> bool:
        return address is not None and any(address in network for network in self._trusted)


def _peer(scope: Scope) -> IPv4Address | IPv6Address | None:
    client = scope.get("client")  # none over a Unix socket
    return _address(client[0]) if client else None


def _hops(scope: Scope) -> Iterator[IPv4Address | IPv6Address]:
    """What X-Forwarded-For says, the nearest first, as far as it can be read."""
    said = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
    for text in reversed(said.rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]):
        address = _address(text.strip())
        if address is None:
            return
        yield address


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
