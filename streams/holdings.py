"""Which partitions a worker holds: its fair share, taken when free, renewed, and given up in order."""

import logging
from collections.abc import Callable, Iterable, Mapping

from streams import lease as leases
from streams.bell import Bell
from streams.client import Client
from streams.errors import KeyTypeError, LayoutError
from streams.keys import Keys, PartitionKeys
from streams.layout import settle_again
from streams.lease import Lease
from streams.members import Members, Share

logger = logging.getLogger(__name__)


class Holdings:
    """Partition -> lease in `leases`. `forget` is called with each partition that another may have changed meanwhile.

    Everything here raises redis.RedisError and StreamsError; after one, `reread` is to come before anything else.
    """

    def __init__(
        self,
        client: Client,
        keys: Keys,
        partitions: int,
        name: str,
        lease_ms: int,
        forget: Callable[[int], None],
        tell: Callable[[int, KeyTypeError], None],
    ) -> None:
        self.leases: dict[int, Lease] = {}
        self.share: Share | None = None
        self.lost = 0
        self._gone: list[int] = []  # lost, and not told yet
        self._client = client
        self._keys = keys
        self._partitions = partitions
        self._name = name
        self._lease_ms = lease_ms
        self._forget = forget
        self._tell = tell
        self._members = Members(client, keys.workers, name, lease_ms)
        self._bell = Bell(client, keys)

    def balance(self) -> list[int]:
        """Attend, give up what is beyond the fair share, and take what is free within it; the partitions taken."""
        self._tell_gone()
        share = self._members.attend()
        if self.share is None or share.members != self.share.members:
            logger.info("%d of %d workers, %d partitions to hold", share.rank + 1, len(share.members), self._due(share))
            if self.share is None and len(share.members) > 1:
                self._bell.ring()  # those who hold too much now need not find out by themselves
        self.share = share
        due = self._due(share)
        if len(self.leases) > due:
            self._give_up(sorted(self.leases)[due:])
        return self._take(due - len(self.leases), share) if len(self.leases) < due else []

    def renew(self) -> None:
        """Renew every lease; those that somebody else has taken are lost."""
        lost = leases.renew(self._client, self._by_keys(self.leases), self._lease_ms)
        for number in [number for number in self.leases if self._keys.of(number) in lost]:
            self._drop(number)
        self._tell_gone()

    def reread(self, partition: int) -> bool:
        """Take a lease as Redis has it, after a commit that was refused; False where it is no longer ours."""
        self._forget(partition)
        known = leases.reread(self._client, self._keys.of(partition), self.leases[partition])
        if known is None:
            self._drop(partition)
            return False
        self.leases[partition] = known
        return True

    def reread_all(self) -> None:
        """After a fault nobody knows what was committed: read every lease again, and trust no memory of workflows."""
        for partition in list(self.leases):
            self.reread(partition)
        self._tell_gone()

    def release(self) -> None:
        """Give up everything and be there no longer."""
        self._members.leave()
        self._give_up(list(self.leases))

    def _due(self, share: Share) -> int:
        return share.of(self._partitions)

    def _give_up(self, partitions: Iterable[int]) -> None:
        given = {partition: self.leases.pop(partition) for partition in partitions}
        leases.renew(self._client, self._by_keys(given), 0)
        for partition in given:
            self._forget(partition)
        self._bell.ring()

    def _take(self, count: int, share: Share) -> list[int]:
        try:
            settle_again(self._client, self._keys, self._partitions)
        except LayoutError:
            self._members.leave()  # whoever can take nothing must not count
            raise
        wanted = [number for number in share.order(self._partitions) if number not in self.leases]
        free = leases.find_free(self._client, [self._keys.of(number).meta for number in wanted], share.now_ms)
        chosen = [wanted[index] for index in free[:count]]
        claimed = leases.claim_each(
            self._client, [self._keys.of(number) for number in chosen], self._name, self._lease_ms
        )
        taken: list[int] = []
        for number, lease in zip(chosen, claimed, strict=True):
            if isinstance(lease, KeyTypeError):
                self._tell(number, lease)
            elif lease is not None:
                self._forget(number)
                self.leases[number] = lease
                taken.append(number)
        return taken

    def _by_keys(self, held: Mapping[int, Lease]) -> dict[PartitionKeys, Lease]:
        return {self._keys.of(number): lease for number, lease in held.items()}

    def _drop(self, partition: int) -> None:
        self.lost += 1
        self._gone.append(partition)
        self._forget(partition)
        del self.leases[partition]

    def _tell_gone(self) -> None:
        """One line for all of them: where Redis has lost its data, everything is gone at once."""
        if self._gone:
            names = ", ".join(map(str, sorted(self._gone)))
            logger.warning("partitions %s are no longer held: another worker took them, or Redis lost them", names)
            self._gone.clear()
