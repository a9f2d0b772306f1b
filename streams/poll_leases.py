"""Who polls which partition: one process at a time, so that a system is not asked twice as often as is set."""

from collections.abc import Callable

from streams.client import Client
from streams.keys import Keys
from streams.role_leases import Role, RoleLeases


class PollLeases(RoleLeases):
    """The partitions whose workflows this process may poll."""

    def __init__(self, client: Client, keys: Keys, partitions: int, lease_ms: int, now_ms: Callable[[], int]) -> None:
        role = Role(keys.pollers, lambda owned: owned.poller, "poller", "poll", "polled")
        super().__init__(client, keys, partitions, lease_ms, now_ms, role)
