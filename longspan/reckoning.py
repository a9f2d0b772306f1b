"""Adding up what a demo did: what the journals say must have arrived, against what the receiver has counted."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from longspan.simulation import Performance
from longspan.store import Store
from machines.journal import Header, Record
from spans.plan import plan

_OURS = "longspan."  # types of events that Longspan itself makes


@dataclass(slots=True)
class Reckoning:
    """The sums of a demo. `missing` and `doubled` count spans, `unfinished` workflows; all three should be 0.

    `outcomes` count workflows by how they ended; `parts` are workflows that belong to one of these. `sent` events were
    pushed, `polled` ones found by asking. `spans` is None where they went to an endpoint of the user's own.
    """

    seconds: float
    outcomes: dict[str, int] = field(default_factory=dict)
    parts: int = 0
    sent: int = 0
    polled: int = 0
    out_of_order: int = 0
    applied: int = 0
    rejected: int = 0
    duplicates_dropped: int = 0
    spans: int | None = None
    missing: int = 0
    doubled: int = 0
    unfinished: int = 0

    @property
    def right(self) -> bool:
        """Whether every workflow ended and every span came exactly once."""
        return not (self.missing or self.doubled or self.unfinished)

    def as_dict(self) -> dict[str, object]:
        """The sums by name, for programs."""
        return {**asdict(self), "right": self.right}

    def tell(self) -> list[str]:
        """The sums in words."""
        ended = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()))
        parts = f", with {self.parts} parts" if self.parts else ""
        lines = [
            f"{sum(self.outcomes.values())} workflows ended in {self.seconds:.1f} s{parts}: {ended}",
            f"{self.sent} events pushed, {self.out_of_order} of them out of order, and {self.polled} polled: "
            f"{self.applied} applied, {self.rejected} rejected, {self.duplicates_dropped} duplicates dropped",
        ]
        if self.spans is not None:
            exact = "each exactly once" if not self.missing and not self.doubled else "NOT exactly once"
            lines.append(f"{self.spans} spans received, {exact}: {self.missing} missing, {self.doubled} doubled")
        if self.unfinished:
            lines.append(f"{self.unfinished} workflows did not end in time")
        return lines


def reckon(
    store: Store,
    namespace: str,
    performances: Iterable[Performance],
    counts: Mapping[tuple[str, str], int] | None,
    seconds: float,
) -> Reckoning:
    """Add up the workflows of `performances`. `counts` are the spans received, None if somebody else has them.

    Workflows that go on from an earlier start had events and spans before: theirs are looked at for doubles only.
    """
    from streams.status import read_journal

    result = Reckoning(seconds, spans=None if counts is None else sum(counts.values()))
    outcomes: Counter[str] = Counter()
    for performance in performances:
        for workflow_id, sent in performance.sent.items():
            journal = read_journal(store.client, store.keys, store.partitions or 0, workflow_id)
            header, records = journal or (None, [])
            outcome = next((record.outcome for record in records if record.outcome), None)
            if header is None or outcome is None:
                result.unfinished += 1
                continue
            if workflow_id == performance.workflow_id:
                outcomes[outcome] += 1
            else:
                result.parts += 1
            if performance.earlier:
                continue
            _add(result, performance, sent, records)
            if counts is not None:
                result.missing += sum(key not in counts for key in _planned(namespace, workflow_id, header, records))
    result.outcomes = dict(outcomes)
    result.doubled = sum(count > 1 for count in (counts or {}).values())
    return result


def _add(result: Reckoning, performance: Performance, sent: int, records: list[Record]) -> None:
    told = [record for record in records if not record.event.type.startswith(_OURS)]
    polled = len(told) - sent if performance.polled else 0
    result.sent += sent
    result.polled += polled
    result.applied += sum(record.result == "applied" for record in told)
    result.rejected += sum(record.result == "rejected" for record in told)
    result.duplicates_dropped += sent + polled - len(told)


def _planned(namespace: str, workflow_id: str, header: Header, records: list[Record]) -> list[tuple[str, str]]:
    spans = plan(namespace, workflow_id, header, records).spans
    return [(f"{span.trace_id:032x}", f"{span.span_id:016x}") for span in spans]
