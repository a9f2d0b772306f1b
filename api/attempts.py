"""Failed attempts: counted for each peer within a minute, for so many peers and no more."""

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

WINDOW_SECONDS = 60.0
MOST_FAILURES = 10
MOST_PEERS = 4_096


class Attempts:
    """Counts failures. `now_seconds` is a clock that never goes back."""

    def __init__(self, now_seconds: Callable[[], float], most_peers: int = MOST_PEERS) -> None:
        self._now_seconds = now_seconds
        self._most_peers = most_peers
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def fail(self, peer: str) -> float | None:
        """Count a failure of a peer. Seconds until it is heard again where it has failed too often, else None."""
        now = self._now_seconds()
        whose = _network(peer)
        since, count = self._failures.pop(whose, (now, 0))
        if now - since >= WINDOW_SECONDS:
            since, count = now, 0
        self._failures[whose] = since, count + 1
        if len(self._failures) > self._most_peers:
            self._failures.popitem(last=False)
        return since + WINDOW_SECONDS - now if count >= MOST_FAILURES else None

    def __len__(self) -> int:
        return len(self._failures)


def _network(peer: str) -> str:
    """Of an IPv6 address the network: one client has as many addresses of it as it likes."""
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    return str(IPv6Address(int(address) >> 64 << 64)) if address.version == 6 else peer
