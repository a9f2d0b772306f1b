"""Adding up what a demo did: what the journals say must have arrived, against what the receiver has counted."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from longspan.store import Store
from machines.journal import Header, Record
from spans.plan import plan


@dataclass(slots=True)
class Reckoning:
    """The sums of a demo. `missing` and `doubled` count spans, `unfinished` workflows; all three should be 0.

    `spans` is None where the spans went to an endpoint of the user's own, which is not asked.
    """

    seconds: float
    outcomes: dict[str, int] = field(default_factory=dict)
    sent: int = 0
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
        lines = [
            f"{sum(self.outcomes.values())} workflows ended in {self.seconds:.1f} s: {ended}",
            f"{self.sent} events sent, {self.out_of_order} out of order: {self.applied} applied, "
            f"{self.rejected} rejected, {self.duplicates_dropped} duplicates dropped",
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
    sent: Mapping[str, int],
    continued: frozenset[str],
    counts: Mapping[tuple[str, str], int] | None,
    seconds: float,
) -> Reckoning:
    """Add up the workflows that had events `sent`. `counts` are the spans received, None if somebody else has them.

    Workflows that are `continued` had events and spans before this start: theirs are looked at for doubles only.
    """
    from streams.status import read_journal

    result = Reckoning(seconds, spans=None if counts is None else sum(counts.values()))
    outcomes: Counter[str] = Counter()
    for workflow_id in sent:
        journal = read_journal(store.client, store.keys, store.partitions or 0, workflow_id)
        header, records = journal or (None, [])
        outcome = next((record.outcome for record in records if record.outcome), None)
        if header is None or outcome is None:
            result.unfinished += 1
            continue
        outcomes[outcome] += 1
        fresh = workflow_id not in continued
        if fresh:
            result.sent += sent[workflow_id]
            result.applied += sum(record.result == "applied" for record in records)
            result.rejected += sum(record.result == "rejected" for record in records)
            result.duplicates_dropped += sent[workflow_id] - len(records)
        if counts is not None and fresh:
            result.missing += sum(key not in counts for key in _planned(namespace, workflow_id, header, records))
    result.outcomes = dict(outcomes)
    result.doubled = sum(count > 1 for count in (counts or {}).values())
    return result


def _planned(namespace: str, workflow_id: str, header: Header, records: list[Record]) -> list[tuple[str, str]]:
    spans = plan(namespace, workflow_id, header, records).spans
    return [(f"{span.trace_id:032x}", f"{span.span_id:016x}") for span in spans]
