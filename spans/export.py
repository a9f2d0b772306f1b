"""The export: drains the outbox into the OTLP endpoint, and acknowledges only what the endpoint has judged."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial

from opentelemetry.sdk.trace import SpanLimits

from spans.backlog import Acknowledgement, Backlog, HeldItem, acknowledge_settled
from spans.backoff import Backoff
from spans.dispatch import Dispatch, Refusal, Sender, Stop, Tally
from spans.parcel import Packing, Parcel
from streams.errors import FencedError
from streams.outbox import Outbox

_log = logging.getLogger(__name__)

# What is in hand at once: journals that wait to be told, and spans that wait to be sent.
MOST_ENTRIES = 64  # of each partition
MOST_ITEMS = 256
MOST_RECORDS = 4096
MOST_SPANS = 2048
MOST_BYTES = 1_000_000
BLOCK_MS = 500
FIRST_ENTRY = b"0-0"

Settled = tuple[HeldItem, Parcel]


class Exporter:
    """Sends what the outbox holds of the partitions that `held` tells (all of them by default).

    `limits` are OpenTelemetry's span limits. `now_ms` reads the wall clock, `spread` gives random numbers from 0 to 1.
    `tally` says what has been sent.
    """

    def __init__(
        self,
        outbox: Outbox,
        sender: Sender,
        namespace: str,
        limits: SpanLimits,
        *,
        now_ms: Callable[[], int],
        spread: Callable[[], float],
        held: Callable[[], Collection[int]] | None = None,
    ) -> None:
        self._outbox = outbox
        self._held = held or (lambda: range(outbox.partitions))
        self._packing = Packing(outbox, namespace, limits)
        self._dispatch = Dispatch(sender, now_ms, spread)
        self._now_ms = now_ms
        self._patience = Backoff(spread)
        self._outage = ""  # the kind of error that keeps the outbox away
        self._owed: deque[Callable[[], None]] = deque()
        self._forget()

    @property
    def tally(self) -> Tally:
        """What has become of spans since this exporter was made."""
        return self._dispatch.tally

    def run(self, stop: threading.Event) -> None:
        """Drain until `stop` is set; then finish the request in hand, acknowledge it and return."""
        while not stop.is_set():
            self.step(stop, BLOCK_MS)
        try:
            self._settle_debts()
        except Exception as error:  # the process ends; the same spans may be sent again by the next one
            _log.warning("Spans were sent but could not be acknowledged: %s: %s", type(error).__name__, error)

    def step(self, stop: Stop, block_ms: int) -> None:
        """`drain_once`, and where Redis cannot be reached a wait instead of an error."""
        try:
            self.drain_once(stop, block_ms)
        except Exception as error:  # nothing that Redis does may end the export
            # The answer to the last command may be lost: begin again with what the outbox says.
            self._forget()
            if self._outage != type(error).__name__:
                self._outage = type(error).__name__
                _log.warning("The outbox cannot be read or acknowledged, trying again: %s: %s", self._outage, error)
            stop.wait(self._patience.next_wait())
            return
        if self._outage:
            self._outage = ""
            self._patience.reset()
            _log.info("The outbox can be read again.")

    def drain_once(self, stop: Stop, block_ms: int) -> bool:
        """One step: send the next items of the outbox, waiting at most `block_ms` for some. False if there were none.

        Raises what the outbox raises when Redis cannot be reached.
        """
        self._settle_debts()
        if not self._follow():
            stop.wait(block_ms / 1000)
            return False
        if not self._backlog:
            entries = self._outbox.read(self._after, MOST_ENTRIES, block_ms)
            for entry in entries:
                self._after[entry.partition] = entry.entry_id
            for empty in self._backlog.extend(entries):
                self._owe(empty.partition, Acknowledgement([empty.entry_id]))
        chunk = self._backlog.take(MOST_ITEMS, MOST_RECORDS)
        for batch in _batches(self._pack(chunk)):
            refusals = [note for _, parcel in batch if parcel.trouble for note in self._note_trouble(parcel)]
            refusals += self._dispatch.deliver([parcel for _, parcel in batch], stop)
            for refusal in refusals:
                self._owed.append(partial(self._outbox.refuse, refusal.partition, refusal.span, refusal.fields))
            settled = [(held, parcel) for held, parcel in batch if not parcel.unsettled]
            for number, part in acknowledge_settled(settled).items():
                self._owe(number, part)
            self._settle_debts()
            if len(settled) < len(batch):
                self._forget()
                break
        return bool(chunk)

    def _follow(self) -> bool:
        """Take up partitions that are held by now, drop all in hand where one was lost; False if none is held."""
        held = self._held()
        if any(number not in held for number in self._after):
            self._forget()
        for number in held:
            self._after.setdefault(number, FIRST_ENTRY)
        return bool(self._after)

    def _pack(self, chunk: Sequence[HeldItem]) -> list[Settled]:
        by_partition: dict[int, list[HeldItem]] = {}
        for held in chunk:
            by_partition.setdefault(held.entry.partition, []).append(held)
        return [
            pair
            for number, helds in by_partition.items()
            for pair in zip(helds, self._packing.pack(number, [held.item for held in helds]), strict=True)
        ]

    def _note_trouble(self, parcel: Parcel) -> list[Refusal]:
        item = parcel.item
        self.tally.unreadable += 1
        _log.warning("Run %d of workflow %r has no trace: %s", item.run, item.workflow_id, parcel.trouble)
        fields = {"status": "", "reason": parcel.trouble, "workflow": item.workflow_id, "run": str(item.run)}
        return [Refusal(parcel.partition, b"", fields)]

    def _owe(self, number: int, part: Acknowledgement) -> None:
        # Sent is sent: if Redis is away now, this is made good before anything else, so that nothing is sent twice.
        self._owed.append(
            lambda: self._outbox.acknowledge(number, part.entry_ids, part.states, part.ended, self._now_ms())
        )

    def _settle_debts(self) -> None:
        while self._owed:
            try:
                self._owed[0]()
            except FencedError as error:
                # Its new exporter sends these spans again; what was sent is not to be recalled.
                _log.warning("Spans were sent and not acknowledged: %s", error)
                self._forget()
            self._owed.popleft()

    def _forget(self) -> None:
        """Begin again at the first entry that is not acknowledged."""
        self._backlog = Backlog()
        self._after: dict[int, bytes] = {}


def _batches(settled: Iterable[Settled]) -> Iterator[list[Settled]]:
    """Requests: all spans of an item in one, and as many items as fit."""
    batch: list[Settled] = []
    spans = size = 0
    for pair in settled:
        parcel_bytes = sum(map(len, pair[1].spans))
        if batch and (spans + len(pair[1].spans) > MOST_SPANS or size + parcel_bytes > MOST_BYTES):
            yield batch
            batch, spans, size = [], 0, 0
        batch.append(pair)
        spans += len(pair[1].spans)
        size += parcel_bytes
    if batch:
        yield batch
