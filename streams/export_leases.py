"""Who exports which partition: one process at a time, since a backend counts a span that comes twice."""

from collections.abc import Callable

from streams.client import Client
from streams.keys import Keys
from streams.role_leases import Role, RoleLeases


class ExportLeases(RoleLeases):
    """The partitions that this process may export."""

    def __init__(self, client: Client, keys: Keys, partitions: int, lease_ms: int, now_ms: Callable[[], int]) -> None:
        role = Role(keys.exporters, lambda owned: owned.exporter, "exporter", "export", "exported")
        super().__init__(client, keys, partitions, lease_ms, now_ms, role)
