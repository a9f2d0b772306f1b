"""What one outbox item comes to: encoded spans to be sent together, and the trace state to keep once they are."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace
from opentelemetry.sdk.trace import SpanLimits

from machines.errors import MachinesError, NewerSnapshotError, SnapshotError
from machines.journal import Header, Record, decode_journal
from machines.messages import is_of_child
from spans.errors import SpansError
from spans.limits import keep_within
from spans.otlp import encode_span
from spans.plan import Carried, plan
from spans.trace_state import TraceState, decode_trace_state, encode_trace_state
from streams.outbox import Outbox, OutboxItem
from streams.pace import Pace

FIRST_RECORDS, MOST_RECORDS = 256, 4096


@dataclass(slots=True)
class Parcel:
    """The spans of one item, as encoded `Span` messages.

    `state` is the trace state once they have been sent; None where there is nothing new to keep. `origin` is the one
    that they were planned from. `trouble` says why the journal could not be told, and then there are no spans.
    `left` says why the run is left to an exporter of a newer version: then nothing of it is sent or acknowledged.
    `unsettled` counts the spans that were neither accepted nor set aside: always the last ones.
    `carried` are the children whose spans are still to be brought in among these; `brought` those that were, or never
    can be: workflow id and run. `losses` says of the latter why.
    """

    partition: int
    item: OutboxItem
    spans: list[bytes] = field(default_factory=list)
    state: bytes | None = None
    origin: TraceState | None = None
    trouble: str = ""
    left: str = ""
    unsettled: int = 0
    carried: list[Carried] = field(default_factory=list)
    brought: list[tuple[str, int]] = field(default_factory=list)
    losses: list[tuple[str, int, str]] = field(default_factory=list)

    @property
    def trace_ids(self) -> set[str]:
        """The trace ids of its spans, in hexadecimal digits."""
        return {span[2:18].hex() for span in self.spans}

    def fill(self, spans: list[bytes]) -> None:
        """These are its spans; those that were settled before are left out."""
        self.spans = spans[self.origin.settled :] if self.origin is not None else spans
        self.unsettled = len(self.spans)

    def progress(self) -> bytes | None:
        """The trace state that passes over the spans which are settled; None where none or all of them are."""
        settled = len(self.spans) - self.unsettled
        if self.origin is None or not self.unsettled or not settled:
            return None
        return encode_trace_state(replace(self.origin, settled=self.origin.settled + settled))


class Packing:
    """Turns outbox items into parcels. `limits` are OpenTelemetry's span limits.

    `pace` says how many records may be read at once, at most `most_records`, so that large ones never fill the memory.
    """

    def __init__(self, outbox: Outbox, namespace: str, limits: SpanLimits, most_records: int = MOST_RECORDS) -> None:
        self.pace = Pace(most_records, FIRST_RECORDS)
        self._outbox = outbox
        self._namespace = namespace
        self._limits = limits

    def pack(self, items: Sequence[tuple[int, OutboxItem]]) -> list[Parcel]:
        """A parcel for each item of a partition, in their order. Raises what the outbox raises when Redis cannot be
        reached.

        Of several items of one run the last stands for all: it goes furthest. Only where children are sent with the
        run each stands for itself, so that no request grows with what is waiting.
        """
        parcels = [Parcel(partition, item) for partition, item in items]
        runs: dict[tuple[str, int], list[Parcel]] = {}
        for parcel in parcels:
            runs.setdefault((parcel.item.workflow_id, parcel.item.run), []).append(parcel)
        stored = self._outbox.states([(parts[-1].partition, parts[-1].item) for parts in runs.values()])
        wanted: list[tuple[list[Parcel], TraceState | None]] = []
        for parts, encoded in zip(runs.values(), stored, strict=True):
            try:
                state = None if encoded is None else decode_trace_state(encoded)
            except NewerSnapshotError as error:
                parts[-1].left = str(error)
                continue
            except SnapshotError as error:
                parts[-1].trouble = str(error)
                continue
            if state is None or state.index < parts[-1].item.entries:
                wanted.append((parts, state))
        starts = [(parts[-1].partition, parts[-1].item, state.index if state else 1) for parts, state in wanted]
        for (parts, state), entries in zip(wanted, self._journals(starts), strict=True):
            try:
                self._fill(parts, entries, state)
            except NewerSnapshotError as error:
                parts[-1].left = str(error)
            except (MachinesError, SpansError) as error:
                parts[-1].trouble = str(error)
            except Exception as error:  # one run's bad data must not hold up the others
                parts[-1].trouble = f"its journal cannot be read: {type(error).__name__}: {error}"
        return parcels

    def _journals(self, starts: Sequence[tuple[int, OutboxItem, int]]) -> list[list[bytes]]:
        if not starts:
            return []
        try:
            journals = self._outbox.journals(starts)
            self.pace.note(sum(len(entry) for entries in journals for entry in entries), sum(map(len, journals)))
            return journals
        except Exception:
            if len(starts) > 1:
                return [self._journals([one])[0] for one in starts]
            # Where Redis answers, it is this journal that cannot be read: its key holds something else.
            self._outbox.states([starts[0][:2]])
            return [[]]

    def _fill(self, parts: list[Parcel], entries: list[bytes], state: TraceState | None) -> None:
        last = parts[-1]
        item = last.item
        held = len(entries) if state is None else state.index - 1 + len(entries)
        if not entries or held < item.entries:
            last.trouble = f"its journal holds {held if entries else 0} of {item.entries} entries"
            return
        header, records = decode_journal(entries, item.workflow_id)
        for parcel in parts if any(is_of_child(record.event) for record in records) else [last]:
            begin = 1 if state is None else state.index
            if parcel.item.entries > begin:
                count = parcel.item.entries - begin
                state = self._plan(parcel, header, records[:count], state)
                del records[:count]
        if item.last and (state is None or not state.ended):
            last.trouble = f"its journal does not end within {item.entries} entries"
            last.spans, last.carried, last.unsettled, last.state = [], [], 0, None

    def _plan(self, parcel: Parcel, header: Header, records: list[Record], state: TraceState | None) -> TraceState:
        spans, after, parcel.carried = plan(
            self._namespace,
            parcel.item.workflow_id,
            header,
            records,
            state,
            event_limit=self._limits.max_events,
            link_limit=self._limits.max_links,
        )
        parcel.origin = TraceState(1, after.trace) if state is None else state
        after.settled = 0
        encoded = [encode_span(keep_within(self._limits, span)) for span in spans]
        if parcel.carried:
            parcel.spans = encoded  # what was settled among them is known when all are there
        else:
            parcel.fill(encoded)
        parcel.state = encode_trace_state(after)
        return after
