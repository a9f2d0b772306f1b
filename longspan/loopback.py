"""Loopback: the addresses and the name under which only this machine can be asked."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
