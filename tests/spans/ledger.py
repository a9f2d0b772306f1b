"""What a worker would have put into the outbox, and what is left of it."""

from machines.journal import Header, Record, encode_entry
from streams.keys import Keys, run_member
from streams.outbox import Outbox, OutboxItem, encode_items
from tests.support.probe import Probe

PARTITIONS = 3


class Ledger:
    """Writes journals and outbox entries as commits do, and looks at what is left; in partition 0 by default."""

    def __init__(self, client: Probe, keys: Keys) -> None:
        self.client = client
        self.keys = keys
        self.outbox = Outbox(client, keys, PARTITIONS)

    def write(self, workflow_id: str, head: Header, records: list[Record], *, partition: int = 0) -> None:
        """Append records to a run's journal; the header first where it is new."""
        key = self.keys.of(partition).journal(workflow_id, head.run)
        if not self.client.exists(key):
            self.client.rpush(key, encode_entry(head))
        if records:
            self.client.rpush(key, *map(encode_entry, records))

    def put(self, *items: OutboxItem, partition: int = 0) -> None:
        """One outbox entry."""
        self.client.xadd(self.keys.of(partition).outbox, {b"b": encode_items(list(items))})

    def finish(self, workflow_id: str, head: Header, records: list[Record], *, partition: int = 0) -> None:
        """A run that has ended, with an outbox entry of its own, and retention waiting for its trace."""
        self.write(workflow_id, head, records, partition=partition)
        self.client.zadd(self.keys.of(partition).ended, {b"%d:%s" % (head.run, workflow_id.encode()): "inf"})
        self.put(OutboxItem(workflow_id, head.run, 1 + len(records), True), partition=partition)

    def hold(self, partition: int, nonce: bytes) -> None:
        """The export lease of a partition, with this nonce."""
        self.client.call("HSET", self.keys.of(partition).exporter, "nonce", nonce)

    def waiting(self) -> int:
        """How many entries are in the outbox."""
        return sum(int(self.client.xlen(self.keys.of(number).outbox)) for number in range(PARTITIONS))

    def delivered_ms(self, workflow_id: str, run: int = 1, *, partition: int = 0) -> float | None:
        """When the trace of an ended run was delivered; infinite where it was not."""
        score: float | None = self.client.zscore(self.keys.of(partition).ended, run_member(workflow_id, run))
        return score

    def trace_states(self) -> int:
        """How many runs have a trace state."""
        return len(list(self.client.scan_iter(match=f"{self.keys.prefix}:*trace:*")))

    def refused(self, partition: int = 0) -> list[dict[bytes, bytes]]:
        """What was kept aside."""
        entries = self.client.call("XRANGE", self.keys.of(partition).refused, "-", "+")
        return [dict(zip(fields[::2], fields[1::2], strict=True)) for _, fields in entries]
