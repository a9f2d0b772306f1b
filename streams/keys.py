"""Names of keys. Those of one partition share a hash tag, so that one script can change them in a Redis Cluster."""

from zlib import crc32

TRACE_BYTES = 8  # of a trace id that its index keeps: whoever finds a run there computes the whole
GROUP = b"longspan"  # the consumer group whose position shows the lag; nobody reads through it


class Keys:
    """The keys under one prefix. All are bytes; partitions count from 0.

    `workers`, `exporters` and `pollers` say who is there, `router` who routes (hashes); `bell` wakes who waits (a
    stream). `routed` (a hash: `reached`, `passed_over`) says how far routing has come where blocked partitions were
    passed over.
    """

    def __init__(self, prefix: str = "longspan") -> None:
        self.prefix = prefix
        self.events = f"{prefix}:events".encode()
        self.layout = f"{prefix}:layout".encode()
        self.workers = f"{prefix}:workers".encode()
        self.exporters = f"{prefix}:exporters".encode()
        self.pollers = f"{prefix}:pollers".encode()
        self.router = f"{prefix}:router".encode()
        self.bell = f"{prefix}:{{{prefix}:events}}:bell".encode()  # in the slot of `events`: who routes waits for both
        self.routed = f"{prefix}:{{{prefix}:events}}:routed".encode()  # in the same slot: both are read in one script
        self._tags: dict[int, PartitionKeys] = {}

    def of(self, partition: int) -> "PartitionKeys":
        """The keys of one partition."""
        keys = self._tags.get(partition)
        if keys is None:
            keys = self._tags[partition] = PartitionKeys(f"{self.prefix}:{{{partition}}}:".encode())
        return keys


class PartitionKeys:
    """The keys of one partition: streams `events`, `outbox`, `dead`, `refused`; sorted sets `open` (runs that are sent
    in parts, by when the next part is due, ms), `ended` (by when the trace was delivered, ms), `held` (by when
    waiting ends, ms), `deadlines` (by due time, ms; what fired and has not been applied yet stands far beyond) and
    `parked` (events of machines that are not loaded); a stream `messages` to workflows of any partition that are to
    be delivered; a stream `changes` of what was committed last; the set `indexes` with the names of the indexes
    that there are (streams/indexes.py); the hash `troubles` with what is wrong with polling, by workflow
    (streams/troubles.py); and keys of single workflows."""

    def __init__(self, tag: bytes) -> None:
        self.tag = tag
        self.meta = tag + b"meta"
        self.events = tag + b"events"
        self.exporter = tag + b"exporter"
        self.poller = tag + b"poller"
        self.troubles = tag + b"troubles"
        self.outbox = tag + b"outbox"
        self.dead = tag + b"dead"
        self.refused = tag + b"refused"
        self.open = tag + b"open"
        self.ended = tag + b"ended"
        self.held = tag + b"held"
        self.deadlines = tag + b"deadlines"
        self.parked = tag + b"parked"
        self.messages = tag + b"messages"
        self.changes = tag + b"changes"
        self.indexes = tag + b"indexes"

    def workflow(self, workflow_id: str) -> bytes:
        """The snapshot, a string."""
        return self.tag + b"workflow:" + workflow_id.encode()

    def journal(self, workflow_id: str, run: int) -> bytes:
        """The journal of one run, a list."""
        return b"%sjournal:%d:%s" % (self.tag, run, workflow_id.encode())

    def waiting(self, workflow_id: str) -> bytes:
        """The events that are held back, a list."""
        return self.tag + b"waiting:" + workflow_id.encode()

    def seen(self, workflow_id: str) -> bytes:
        """Pages of digests of older events, a list."""
        return self.tag + b"seen:" + workflow_id.encode()

    def index(self, name: bytes) -> bytes:
        """One of the indexes."""
        return self.tag + name

    def traces(self, trace_id: bytes) -> bytes:
        """Where runs are found by a trace id (its 16 bytes, or the first ones), a hash; it is shared by many."""
        return self.tag + b"traces:" + trace_id.hex()[:3].encode()  # so small that Redis keeps each in one piece

    def subject_of(self, key: bytes) -> str | None:
        """The workflow that one of these keys belongs to; None for a key of the whole partition."""
        kind, _, name = key.removeprefix(self.tag).partition(b":")
        if kind in (b"journal", b"trace"):
            name = name.partition(b":")[2]
        elif kind not in (b"workflow", b"waiting", b"seen"):
            return None
        return name.decode(errors="replace") or None

    def trace(self, workflow_id: str, run: int) -> bytes:
        """Where the export of a run stands that is sent in parts, a string."""
        return b"%strace:%d:%s" % (self.tag, run, workflow_id.encode())


def partition_of(workflow_id: str, partitions: int) -> int:
    """The partition that a workflow belongs to, for ever: CRC-32 of its id, modulo the number of partitions."""
    return crc32(workflow_id.encode()) % partitions


def run_member(workflow_id: str, run: int) -> bytes:
    """How `ended` names one run of a workflow."""
    return b"%d:%s" % (run, workflow_id.encode())


def split_run_member(member: bytes) -> tuple[str, int]:
    """Workflow id and run of a member of `ended`; run 0, which no workflow has, where it is none."""
    run, _, workflow_id = member.partition(b":")
    return workflow_id.decode(errors="replace"), int(run) if run.isdigit() else 0


def trace_member(trace_id: bytes, workflow_id: str, run: int) -> bytes:
    """How `traces` names one run."""
    return trace_id[:TRACE_BYTES] + run_member(workflow_id, run)
