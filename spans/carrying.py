"""Children that are sent with their parent: read from their partitions when it is the parent's turn, and planned."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from opentelemetry.sdk.trace import SpanLimits

from machines.errors import NewerSnapshotError, SnapshotError
from machines.messages import ChildEnded
from spans.errors import SpansError
from spans.limits import keep_within
from spans.otlp import encode_span
from spans.parcel import Parcel
from spans.plan import Carried, plan
from spans.trace_state import TraceState
from streams.journals import OpenJournal
from streams.outbox import Outbox

# What is read in one go: of journals that wait to be planned.
MOST_JOURNALS = 200
MOST_BYTES = 4_000_000
_RECORDS_AT_ONCE = 500

_Told = tuple[list[bytes], list[Carried]]


class Carrying:
    """Brings children into the parcels of their parents. `limits` are OpenTelemetry's span limits."""

    def __init__(self, outbox: Outbox, namespace: str, limits: SpanLimits) -> None:
        self._outbox = outbox
        self._namespace = namespace
        self._limits = limits

    def bring(self, parcel: Parcel) -> None:
        """Put the spans of the children that a parcel carries where they belong, and those of their children.

        A child whose journal cannot be told is one of the parcel's losses then; one that only a newer version can tell
        leaves the whole parcel to that. Raises redis.RedisError.
        """
        if not parcel.carried:
            return
        known = {(parcel.item.workflow_id, parcel.item.run)}
        try:
            spans = self._merge(parcel, parcel.spans, parcel.carried, known)
        except NewerSnapshotError as error:
            parcel.left = str(error)
            return
        parcel.carried = []
        parcel.fill(spans)

    def _merge(
        self, parcel: Parcel, spans: list[bytes], carried: Sequence[Carried], known: set[tuple[str, int]]
    ) -> list[bytes]:
        merged: list[bytes] = []
        before = 0
        for part in _parts(carried):
            for after, told in zip((one.after for one in part), self._tell(parcel, part, known), strict=True):
                merged += spans[before:after]
                merged += told
                before = after
        return merged + spans[before:]

    def _tell(self, parcel: Parcel, part: Sequence[Carried], known: set[tuple[str, int]]) -> Iterator[list[bytes]]:
        """The spans of each child, with those that it carries itself. One that was told already has none."""
        names = [(child.id, child.run) for _, child in part]
        for (_, child), journal in zip(part, self._outbox.children(names), strict=True):
            name = (child.id, child.run)
            told: _Told = ([], [])
            if name not in known:
                known.add(name)
                parcel.brought.append(name)
                reason = ""
                try:
                    told = self._read(child, journal)
                except NewerSnapshotError:
                    raise
                except (SnapshotError, SpansError) as error:
                    reason = str(error)
                if reason:
                    parcel.losses.append((*name, reason))
            yield self._merge(parcel, *told, known)

    def _read(self, child: ChildEnded, journal: OpenJournal | Exception | None) -> _Told:
        """Raises SnapshotError, PlanError, redis.RedisError."""
        if journal is None:
            raise SnapshotError("its journal is gone")
        if isinstance(journal, SnapshotError):
            raise journal
        if isinstance(journal, Exception):
            raise SnapshotError(f"its journal cannot be read: {journal}")
        spans: list[bytes] = []
        carried: list[Carried] = []
        state: TraceState | None = None
        records = islice(journal.records, child.entries - 1)
        while group := list(islice(records, _RECORDS_AT_ONCE)):
            planned, state, more = plan(
                self._namespace,
                child.id,
                journal.header,
                group,
                state,
                event_limit=self._limits.max_events,
                link_limit=self._limits.max_links,
            )
            carried += [Carried(len(spans) + after, one) for after, one in more]
            spans += [encode_span(keep_within(self._limits, span)) for span in planned]
        if state is None or not state.ended:
            raise SnapshotError("its journal does not end")
        return spans, carried


def _parts(carried: Iterable[Carried]) -> Iterator[list[Carried]]:
    part: list[Carried] = []
    size = 0
    for one in carried:
        if part and (len(part) >= MOST_JOURNALS or size + one.child.bytes > MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(one)
        size += one.child.bytes
    if part:
        yield part
