"""Sending runs once more: in order, at a bounded rate, and always able to say how far it has come."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from machines.errors import MachinesError
from spans.dispatch import Dispatch, Sender, Stop, Tally
from spans.errors import SpansError
from spans.export import MOST_BYTES, MOST_SPANS
from spans.parcel import Parcel
from streams.outbox import OutboxItem

Mark = tuple[object, ...]  # where a run stands in the order of its source
LISTED = 1_000  # refusals and failures that are told one by one


@dataclass(slots=True)
class Again:
    """A run to be sent once more: its encoded spans in `pieces`, without the first `skipped` spans, which were.

    Taking a piece may raise MachinesError or SpansError: then the rest of the run cannot be told.
    """

    mark: Mark
    partition: int
    workflow_id: str
    run: int
    pieces: Iterator[list[bytes]]
    skipped: int = 0


class Progress(NamedTuple):
    """Everything up to the run of `mark` is settled, and the first `spans` spans of the run behind it, `within`."""

    mark: Mark | None
    within: tuple[str, int] | None = None
    spans: int = 0


@dataclass(slots=True)
class Account:
    """What became of runs: `runs` are settled whole, `passed` counts those that were left out, by the reason.

    `refusals` and `failures` list the first LISTED ones: the endpoint's, and runs that could not be told, each with
    what is known. `halted` says why it ended before the end.
    """

    runs: int = 0
    spans: int = 0
    sent_bytes: int = 0
    refused: int = 0
    failed: int = 0
    passed: Counter[str] = field(default_factory=Counter)
    refusals: list[dict[str, str]] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    halted: str = ""

    def refuse(self, fields: dict[str, str]) -> None:
        """Note what the endpoint refused."""
        self.refused += int(fields.get("rejected", "1"))
        if len(self.refusals) < LISTED:
            self.refusals.append(fields)

    def fail(self, workflow_id: str, run: int, reason: str) -> None:
        """Note a run that cannot be told."""
        self.failed += 1
        if len(self.failures) < LISTED:
            self.failures.append({"workflow": workflow_id, "run": str(run), "reason": reason})

    @property
    def is_clean(self) -> bool:
        """Whether all went well."""
        return not (self.refused or self.failed or self.halted)


_Step = tuple[Again, Parcel | None, int]  # a piece and how many spans go before it, or the end of a run
_FAILED = -1  # at the end of a run that could not be told
_MOST_STEPS = 1_000


class Redelivery:
    """Sends. `rate` is in spans a second, 0 for as fast as it goes; `patience_ms` is how long it waits for an endpoint
    that is away. `now_ms` reads a clock, `spread` gives random numbers from 0 to 1.
    """

    def __init__(
        self,
        sender: Sender,
        now_ms: Callable[[], int],
        spread: Callable[[], float],
        *,
        rate: int = 0,
        patience_ms: int = 60_000,
    ) -> None:
        self.account = Account()
        self._dispatch = Dispatch(sender, now_ms, spread)
        self._now_ms = now_ms
        self._rate = rate
        self._patience_ms = patience_ms
        self._most_spans = min(MOST_SPANS, rate) if rate else MOST_SPANS
        self._due_ms = float(now_ms())

    @property
    def tally(self) -> Tally:
        """What the endpoint said."""
        return self._dispatch.tally

    def send(self, runs: Iterable[Again], stop: Stop) -> Iterator[Progress]:
        """Send runs in order; tells after each request how far it has come. Ends early when `stop` is set, or the
        endpoint is away for too long: `account.halted` says so then. Raises what taking the runs raises."""
        mark: Mark | None = None
        for batch in self._batches(runs):
            parcels = [parcel for _, parcel, _ in batch if parcel is not None]
            spans = sum(len(parcel.spans) for parcel in parcels)
            if not self._wait(spans, stop):
                break
            progress = Progress(mark)
            for refusals in self._dispatch.deliver(parcels, stop, self._has_patience):
                for refusal in refusals:
                    self.account.refuse(refusal.fields)
                progress = _progress(batch, mark)
                yield progress
            self._count(batch)
            if any(parcel.unsettled for parcel in parcels):
                break
            progress = _progress(batch, mark)
            mark = progress.mark
            yield progress
        else:
            return
        self.account.halted = "it was stopped" if stop.is_set() else f"the endpoint is away: {self.tally.last_error}"

    def _batches(self, runs: Iterable[Again]) -> Iterator[list[_Step]]:
        """What is sent in one request: all of a run, where that can be, and as many runs as fit."""
        batch: list[_Step] = []
        spans = size = 0
        for step in self._steps(runs):
            parcel = step[1]
            if parcel is not None:
                length = sum(map(len, parcel.spans))
                fits = spans + len(parcel.spans) <= self._most_spans and size + length <= MOST_BYTES
                if spans and not fits:
                    yield batch
                    batch, spans, size = [], 0, 0
                spans += len(parcel.spans)
                size += length
            batch.append(step)
            if len(batch) >= _MOST_STEPS:
                yield batch
                batch, spans, size = [], 0, 0
        if batch:
            yield batch

    def _steps(self, runs: Iterable[Again]) -> Iterator[_Step]:
        for again in runs:
            before = 0
            try:
                for piece in again.pieces:
                    unsent = piece[max(0, again.skipped - before) :]
                    before += len(piece)
                    if unsent:
                        item = OutboxItem(again.workflow_id, again.run, before, False)
                        parcel = Parcel(again.partition, item, unsent, unsettled=len(unsent))
                        yield again, parcel, before - len(unsent)
            except (MachinesError, SpansError) as error:
                sent = f"; its first {before} spans are sent, the others are not" if before else ""
                self.account.fail(again.workflow_id, again.run, f"{error}{sent}")
                yield again, None, _FAILED
            else:
                yield again, None, before

    def _wait(self, spans: int, stop: Stop) -> bool:
        """Keep to the rate; false where the wait was ended."""
        now_ms = self._now_ms()
        if self._rate:
            while (left_ms := self._due_ms - now_ms) > 0 and not stop.is_set():
                stop.wait(min(left_ms / 1_000, 1.0))
                now_ms = self._now_ms()
            self._due_ms = max(self._due_ms, now_ms - 1_000) + spans * 1_000 / self._rate
        return not stop.is_set()

    def _has_patience(self) -> bool:
        since_ms = self.tally.unavailable_since_ms
        return since_ms is None or self._now_ms() - since_ms < self._patience_ms

    def _count(self, batch: list[_Step]) -> None:
        self.account.spans = self.tally.sent
        for _, parcel, before in batch:
            if parcel is None:
                self.account.runs += before != _FAILED
            else:
                settled = len(parcel.spans) - parcel.unsettled
                self.account.sent_bytes += sum(map(len, parcel.spans[:settled]))
                if parcel.unsettled:
                    return


def _progress(batch: list[_Step], mark: Mark | None) -> Progress:
    """How far a batch is settled: requests settle its pieces in their order."""
    within: tuple[str, int] | None = None
    spans = 0
    for again, parcel, before in batch:
        if parcel is None:
            mark, within, spans = again.mark, None, 0
            continue
        settled = len(parcel.spans) - parcel.unsettled
        if settled:
            within, spans = (again.workflow_id, again.run), before + settled
        if parcel.unsettled:
            break
    return Progress(mark, within, spans)
