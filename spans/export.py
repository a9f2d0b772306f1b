"""The export: drains the outbox into the OTLP endpoint, and acknowledges only what the endpoint has judged."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Protocol

from opentelemetry.sdk.trace import SpanLimits

from spans.backlog import Backlog, HeldItem, Settled, acknowledge_settled, in_requests
from spans.backoff import Backoff
from spans.carrying import Carrying
from spans.debts import Debts
from spans.dispatch import Dispatch, Refusal, Sender, Stop, Tally
from spans.parcel import Packing, Parcel
from streams.errors import SpoiltPartitionError, describe, trouble
from streams.keys import partition_of
from streams.outbox import Acknowledgement, Outbox, OutboxEntry
from streams.resting import Resting
from streams.spacing import Spacing

_log = logging.getLogger(__name__)

# What is in hand at once, beside as many records as the packing can take: journals and spans that wait.
MOST_ENTRIES = 64  # of each partition
MOST_ITEMS = 256
MOST_SPANS = 2048
MOST_BYTES = 1_000_000
BLOCK_MS = 500
GAP_SECONDS = 0.025  # between requests for fewer items than that
LONGEST_WAIT_SECONDS = 2.0  # for Redis: what was sent is acknowledged as soon as it is back
FIRST_ENTRY = b"0-0"


class Leases(Protocol):
    """What of `streams.export_leases.ExportLeases` is used here."""

    def take_up(self) -> Mapping[int, bytes]:
        """Partition -> nonce of what may be exported until the next call; all else is let go of."""

    def allows(self, held: Mapping[int, bytes]) -> bool:
        """Whether a request may begin for partitions that were taken up with these nonces."""


class Exporter:
    """Sends what the outbox holds of the partitions that `leases` tells.

    `limits` are OpenTelemetry's span limits. `now_ms` reads the wall clock, `spread` gives random numbers from 0 to 1.
    `tally` says what has been sent.
    """

    def __init__(
        self,
        outbox: Outbox,
        leases: Leases,
        sender: Sender,
        namespace: str,
        limits: SpanLimits,
        *,
        now_ms: Callable[[], int],
        spread: Callable[[], float],
    ) -> None:
        self._outbox, self._now_ms = outbox, now_ms
        self._leases = leases
        self._packing = Packing(outbox, namespace, limits)
        self._carrying = Carrying(outbox, namespace, limits)
        self._dispatch = Dispatch(sender, now_ms, spread)
        self._resting = Resting(_log, "Partition %d is not exported: %s", now_ms)
        self._debts = Debts(outbox, now_ms, self._resting)
        self._patience = Backoff(spread, LONGEST_WAIT_SECONDS)
        self._outage = ""  # the kind of error that keeps the outbox away
        self._held: Mapping[int, bytes] = {}
        self._told: set[str] = set()  # why traces were left to a newer version
        self._lost: set[bytes] = set()  # nonces of leases that an acknowledgement found taken
        self._forget()

    @property
    def tally(self) -> Tally:
        """What has become of spans since this exporter was made."""
        return self._dispatch.tally

    def run(self, stop: threading.Event) -> None:
        """Drain until `stop` is set; then finish the request in hand, acknowledge it and return."""
        spacing = Spacing(lambda: self._now_ms() / 1_000, GAP_SECONDS, MOST_ITEMS)
        while not stop.is_set():
            spacing.begin()
            spacing.rest(self.step(stop, BLOCK_MS), stop)
        try:
            self._debts.settle()
        except Exception as error:  # the process ends; the same spans may be sent again by the next one
            _log.warning("Spans were sent but could not be acknowledged: %s", describe(error))

    def step(self, stop: Stop, block_ms: int) -> int:
        """`drain_once`, and where Redis cannot be reached a wait instead of an error."""
        try:
            count = self.drain_once(stop, block_ms)
        except Exception as error:  # nothing that Redis does may end the export
            # The answer to the last command may be lost: begin again with what the outbox says.
            self._forget()
            if not self._debts:
                self._take_up()
            if self._outage != trouble(error):
                self._outage = trouble(error)
                _log.warning("The outbox cannot be read or acknowledged, trying again: %s", describe(error))
            stop.wait(self._patience.next_wait())
            return 0
        if self._outage:
            self._outage = ""
            self._patience.reset()
            _log.info("The outbox can be read again.")
        return count

    def drain_once(self, stop: Stop, block_ms: int) -> int:
        """One step: send the next items of the outbox, waiting at most `block_ms`; how many, MOST_ITEMS if more wait.

        Raises what the outbox raises when Redis cannot be reached.
        """
        self._settle_debts()
        self._take_up()
        if not self._held:
            stop.wait(block_ms / 1000)
            return 0
        if not self._backlog:
            entries = self._read(stop, block_ms)
            for entry in entries:
                self._after[entry.partition] = entry.entry_id
            for empty in self._backlog.extend(entries):
                self._owe(empty.partition, Acknowledgement([empty.entry_id]))
            self._settle_debts()
        chunk = self._backlog.take(MOST_ITEMS, self._packing.pace.count)
        for batch in in_requests(self._pack(chunk), MOST_SPANS, MOST_BYTES):
            if not self._send(batch, stop):
                self._forget()
                break
        return MOST_ITEMS if self._backlog else len(chunk)

    def _read(self, stop: Stop, block_ms: int) -> list[OutboxEntry]:
        """What came, of partitions that are well and still this process's."""
        after = {
            number: entry_id
            for number, entry_id in self._after.items()
            if number not in self._resting and number not in self._debts
        }
        if not after:
            stop.wait(block_ms / 1000)
            return []
        try:
            entries = self._outbox.read(after, MOST_ENTRIES, block_ms)
        except SpoiltPartitionError as error:
            self._resting.rest(error.partition, error)
            return []
        for number in after:
            if self._resting.went_well(number):
                _log.info("Partition %d is exported again.", number, extra={"partition": number})
        return [] if self._are_lost({entry.partition for entry in entries}) else entries

    def _are_lost(self, partitions: Collection[int]) -> bool:
        """Whether Redis has lost its data and a lease with it: what stands there now is for who holds the next one."""
        lost = self._outbox.find_lost({number: self._held[number] for number in partitions})
        self._lose(lost)
        return bool(lost)

    def _send(self, batch: list[Settled], stop: Stop) -> bool:
        """Send, and acknowledge after each request what it has settled; false where something is not settled."""
        left = batch = [pair for pair in batch if pair[1].partition not in self._debts]
        troubled = [parcel for _, parcel in batch if parcel.trouble or parcel.losses]
        if self._are_lost({parcel.partition for parcel in troubled}):
            return False
        for parcel in troubled:
            self._note_trouble(parcel)
        for refusals in self._dispatch.deliver([parcel for _, parcel in batch], stop, self._may_send):
            for refusal in refusals:
                self._debts.refuse(refusal)
            left = self._acknowledge(left)
        return not self._acknowledge(left)

    def _may_send(self) -> bool:
        """Whether everything is still held: while the endpoint is away, nothing else would notice for hours."""
        return self._lost.isdisjoint(self._held.values()) and self._leases.allows(self._held)

    def _acknowledge(self, batch: list[Settled]) -> list[Settled]:
        """What of a batch is not settled yet; the rest is acknowledged."""
        for number, part in acknowledge_settled(batch).items():
            self._owe(number, part)
        self._settle_debts()
        return [pair for pair in batch if pair[1].unsettled]

    def _take_up(self) -> None:
        """Take up partitions that are held by now; drop all in hand where one was lost, if only for a while."""
        held = {number: nonce for number, nonce in self._leases.take_up().items() if nonce not in self._lost}
        if any(held.get(number) != nonce for number, nonce in self._held.items()):
            self._forget()
        self._held = held
        for number in held:
            self._after.setdefault(number, FIRST_ENTRY)

    def _pack(self, chunk: Sequence[HeldItem]) -> Iterator[Settled]:
        """Parcels one by one, by partition: children are brought in when it is their parent's turn."""
        parcels = self._packing.pack([(held.entry.partition, held.item) for held in chunk])
        left: set[tuple[str, int]] = set()  # runs: what comes behind that part of one stays behind it
        pairs = deque(sorted(zip(chunk, parcels, strict=True), key=lambda pair: pair[1].partition))
        del parcels  # what has been sent is let go of
        while pairs:
            held, parcel = pairs.popleft()
            run = (held.item.workflow_id, held.item.run)
            self._carrying.bring(parcel)
            if parcel.left:
                left.add(run)
                self._note_left(parcel.left)
            if run not in left:
                yield held, parcel

    def _note_left(self, reason: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            _log.warning("Traces stay in the outbox for an exporter of a newer version of Longspan: %s", reason)

    def _note_trouble(self, parcel: Parcel) -> None:
        item = parcel.item
        if parcel.trouble:
            self._refuse_run(parcel.partition, item.workflow_id, item.run, parcel.trouble)
        for workflow_id, run, reason in parcel.losses:
            self._refuse_run(partition_of(workflow_id, self._outbox.partitions), workflow_id, run, reason)

    def _refuse_run(self, partition: int, workflow_id: str, run: int, reason: str) -> None:
        self.tally.unreadable += 1
        about = {"workflow_id": workflow_id, "run": run, "partition": partition}
        _log.warning("Run %d of workflow %r has no trace: %s", run, workflow_id, reason, extra=about)
        fields = {"status": "", "reason": reason, "workflow": workflow_id, "run": str(run)}
        self._debts.refuse(Refusal(partition, b"", fields))

    def _owe(self, number: int, part: Acknowledgement) -> None:
        self._debts.acknowledge(number, part, self._held[number])

    def _settle_debts(self) -> None:
        self._lose(self._debts.settle())
        for number in self._debts:  # nothing more of a partition where what was sent cannot be acknowledged
            self._backlog.drop(number)
            self._after.pop(number, None)

    def _lose(self, nonces: set[bytes]) -> None:
        if nonces:
            self._lost |= nonces
            self._forget()

    def _forget(self) -> None:
        """Begin again at the first entry that is not acknowledged."""
        self._backlog = Backlog()
        self._after: dict[int, bytes] = {}
