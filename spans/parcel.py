"""What one outbox item comes to: encoded spans to be sent together, and the trace state to keep once they are."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace
from opentelemetry.sdk.trace import SpanLimits

from machines.errors import MachinesError, NewerSnapshotError, SnapshotError
from machines.journal import decode_journal
from spans.errors import SpansError
from spans.limits import keep_within
from spans.otlp import encode_span
from spans.plan import plan
from spans.trace_state import TraceState, decode_trace_state, encode_trace_state
from streams.outbox import Outbox, OutboxItem


@dataclass(slots=True)
class Parcel:
    """The spans of one item, as encoded `Span` messages.

    `state` is the trace state once they have been sent; None where there is nothing new to keep. `origin` is the one
    that they were planned from. `trouble` says why the journal could not be told, and then there are no spans.
    `left` says why the run is left to an exporter of a newer version: then nothing of it is sent or acknowledged.
    `unsettled` counts the spans that were neither accepted nor set aside: always the last ones.
    """

    partition: int
    item: OutboxItem
    spans: list[bytes] = field(default_factory=list)
    state: bytes | None = None
    origin: TraceState | None = None
    trouble: str = ""
    left: str = ""
    unsettled: int = 0

    @property
    def trace_ids(self) -> set[str]:
        """The trace ids of its spans, in hexadecimal digits."""
        return {span[2:18].hex() for span in self.spans}

    def progress(self) -> bytes | None:
        """The trace state that passes over the spans which are settled; None where none or all of them are."""
        settled = len(self.spans) - self.unsettled
        if self.origin is None or not self.unsettled or not settled:
            return None
        return encode_trace_state(replace(self.origin, settled=self.origin.settled + settled))


class Packing:
    """Turns outbox items into parcels. `limits` are OpenTelemetry's span limits."""

    def __init__(self, outbox: Outbox, namespace: str, limits: SpanLimits) -> None:
        self._outbox = outbox
        self._namespace = namespace
        self._limits = limits

    def pack(self, partition: int, items: Sequence[OutboxItem]) -> list[Parcel]:
        """A parcel for each item, in their order. Raises what the outbox raises when Redis cannot be reached.

        Of several items of one run the last stands for all: it goes furthest.
        """
        furthest = {(item.workflow_id, item.run): item for item in items}
        parcels = [Parcel(partition, item) for item in items]
        active = [parcel for parcel in parcels if furthest[parcel.item.workflow_id, parcel.item.run] is parcel.item]
        stored = self._outbox.states(partition, [parcel.item for parcel in active])
        wanted: list[tuple[Parcel, TraceState | None]] = []
        for parcel, encoded in zip(active, stored, strict=True):
            try:
                state = None if encoded is None else decode_trace_state(encoded)
            except NewerSnapshotError as error:
                parcel.left = str(error)
                continue
            except SnapshotError as error:
                parcel.trouble = str(error)
                continue
            if state is None or state.index < parcel.item.entries:
                wanted.append((parcel, state))
        starts = [(parcel.item, 1 if state is None else state.index) for parcel, state in wanted]
        for (parcel, state), entries in zip(wanted, self._journals(partition, starts), strict=True):
            try:
                self._fill(parcel, entries, state)
            except NewerSnapshotError as error:
                parcel.left = str(error)
            except (MachinesError, SpansError) as error:
                parcel.trouble = str(error)
            except Exception as error:  # one run's bad data must not hold up the others
                parcel.trouble = f"its journal cannot be read: {type(error).__name__}: {error}"
        return parcels

    def _journals(self, partition: int, starts: Sequence[tuple[OutboxItem, int]]) -> list[list[bytes]]:
        if not starts:
            return []
        try:
            return self._outbox.journals(partition, starts)
        except Exception:
            if len(starts) > 1:
                return [self._journals(partition, [one])[0] for one in starts]
            # Where Redis answers, it is this journal that cannot be read: its key holds something else.
            self._outbox.states(partition, [starts[0][0]])
            return [[]]

    def _fill(self, parcel: Parcel, entries: list[bytes], state: TraceState | None) -> None:
        item = parcel.item
        held = len(entries) if state is None else state.index - 1 + len(entries)
        if not entries or held < item.entries:
            parcel.trouble = f"its journal holds {held if entries else 0} of {item.entries} entries"
            return
        header, records = decode_journal(entries)
        spans, after = plan(
            self._namespace, item.workflow_id, header, records, state, event_limit=self._limits.max_events
        )
        if item.last and not after.ended:
            parcel.trouble = f"its journal does not end within {item.entries} entries"
            return
        parcel.origin = TraceState(1, after.trace) if state is None else state
        after.settled = 0
        unsent = spans[parcel.origin.settled :]
        parcel.spans = [encode_span(keep_within(self._limits, span)) for span in unsent]
        parcel.unsettled = len(parcel.spans)
        parcel.state = encode_trace_state(after)
