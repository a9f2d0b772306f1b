"""`longspan rebuild --missing`: which of the spans that were delivered a Tempo does not have, and why that may be."""

import random
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from longspan.columns import align
from longspan.rebuild_source import Run, Telling, tell

if TYPE_CHECKING:
    from longspan.rebuild_source import Source
    from longspan.settings import Settings
    from spans.redelivery import Again
    from spans.tempo import Stored, Tempo

MAX_TRACE_BYTES = 5_000_000  # Tempo's default of max_bytes_per_trace
LISTED = 1_000
REMEMBERED = 100_000  # span ids of traces that the Tempo was asked for last; some 10 MB
_SHOWN = 20


class _Finding(NamedTuple):
    """What a Tempo has of a run: `lost` are the ids of the spans that are not there, of `spans` with `size` bytes."""

    run: Run
    trace_id: str
    spans: int
    size: int  # of the trace: it may have other runs in it
    lost: frozenset[bytes]
    message: str
    failure: str = ""


@dataclass(slots=True)
class Findings:
    """What was found; `lost_runs` and `lost_spans` count what is to be sent, `losses` lists the first ones.

    `recent` had to be asked for again; `expired` are older than the Tempo keeps; `unclear` are traces of which the
    Tempo gave only a part, or whose journal cannot be told, so that nobody knows what it does not have."""

    asked: int = 0
    complete: int = 0
    lost_runs: int = 0
    lost_spans: int = 0
    recent: int = 0
    expired: int = 0
    unclear: int = 0
    losses: list[dict[str, Any]] = field(default_factory=list)

    def add(self, finding: _Finding, why: str) -> None:
        """Add a loss."""
        if len(self.losses) < LISTED:
            name = {"workflow": finding.run.delivery.workflow_id, "run": finding.run.delivery.run}
            told = {"trace_id": finding.trace_id, "lost": len(finding.lost), "of": finding.spans, "why": why}
            self.losses.append(name | told)


class Audit:
    """Asks for one run after the other, `asking` at a time. `halted` says why it ended before the end.

    `options` are those of the verb.
    """

    def __init__(
        self, source: "Source", telling: Telling, tempo: "Tempo", options: Mapping[str, Any], stop: threading.Event
    ) -> None:
        self.findings = Findings()
        self.halted = ""
        self._source = source
        self._telling = telling
        self._tempo = tempo
        self._options = options
        self._stop = stop
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, Stored] = OrderedDict()  # what the Tempo said last, by trace id
        self._later: deque[tuple[int, str, int]] = deque()  # when to ask again (ms), workflow id, run

    def runs(self) -> "Iterator[Again]":
        """What is to be sent: of each run the spans that are not there."""
        from spans.tempo import TempoError

        with ThreadPoolExecutor(self._options["asking"]) as threads:
            waiting: deque[Future[_Finding]] = deque()
            try:
                for run in chain(self._source.runs(), (None,)):
                    if run is not None:
                        waiting.append(threads.submit(self._examine, run))
                    while waiting and (run is None or len(waiting) > 2 * self._options["asking"]):
                        yield from self._judge(waiting.popleft().result(), again=False)
                yield from self._ask_again()
            except TempoError as error:
                self.halted = str(error)
            finally:
                for future in waiting:
                    future.cancel()
                self._tempo.close()

    def facts(self) -> dict[str, Any]:
        """What was found, for JSON."""
        return asdict(self.findings)

    def tell(self) -> None:
        """What was found, in text."""
        found = self.findings
        click.echo(f"{found.asked} traces asked for, {found.complete} are complete")
        for count, what in (
            (found.expired, "are older than the Tempo keeps blocks (--kept): they are not sent"),
            (
                found.unclear,
                "came in part only, or cannot be told, so that nobody knows what is lost: they are not sent",
            ),
            (found.recent, "were not whole at first and were asked for again: they had just been delivered"),
        ):
            if count:
                click.echo(f"{count} {what}")
        if found.lost_runs:
            click.echo(f"{found.lost_runs} have lost {found.lost_spans} spans:")
        if found.losses:
            titles = ("workflow", "run", "trace_id", "lost", "of", "why")
            rows = [[str(loss[title]) for title in titles] for loss in found.losses[:_SHOWN]]
            click.echo(align([title.upper() for title in titles], rows))

    def _examine(self, run: Run) -> _Finding:
        """Tell a run, ask for its trace and compare. Raises TempoError, redis.RedisError."""
        from machines.errors import SnapshotError
        from spans.errors import PlanError

        stored, is_fresh, trace_id, spans, size = None, True, "", 0, 0
        lost: set[bytes] = set()
        try:
            for piece in tell(run, self._telling).pieces:
                if stored is None:
                    trace_id = piece[0][2:18].hex()
                    stored, is_fresh = self._ask(trace_id)
                spans += len(piece)
                size += sum(map(len, piece))
                lost.update({span[20:28] for span in piece} - stored.span_ids)
        except (PlanError, SnapshotError) as error:
            return _Finding(run, trace_id, spans, size, frozenset(), "", str(error))
        if lost and not is_fresh:
            stored = self._tempo.find(trace_id)  # what it said before may be of a time before they came
            lost -= stored.span_ids
        message = stored.message if stored is not None else ""
        if stored is not None and spans:
            size = size * max(spans, len(stored.span_ids) + len(lost)) // spans
        return _Finding(run, trace_id, spans, size, frozenset(lost), message)

    def _ask(self, trace_id: str) -> "tuple[Stored, bool]":
        """What the Tempo has of a trace, and whether it was asked now: the runs of a family are all in one."""
        with self._lock:
            stored = self._answers.get(trace_id)
        if stored is not None:
            return stored, False
        stored = self._tempo.find(trace_id)
        with self._lock:
            self._answers[trace_id] = stored
            while len(self._answers) > 1 and sum(len(one.span_ids) for one in self._answers.values()) > REMEMBERED:
                self._answers.popitem(last=False)
        return stored, True

    def _judge(self, finding: _Finding, *, again: bool) -> "Iterator[Again]":
        found, delivery = self.findings, finding.run.delivery
        found.asked += not again
        now_ms = self._source.now_ms()
        since_ms = now_ms - (now_ms if delivery.at_ms is None else delivery.at_ms)
        if finding.failure:
            found.unclear += 1
            found.add(finding, finding.failure)
        elif not finding.lost:
            found.complete += 1
        elif finding.message:
            found.unclear += 1
            found.add(finding, f"the Tempo gave only a part: {finding.message}")
        elif not again and since_ms < self._options["settle_ms"]:
            found.recent += 1
            due_ms = now_ms + self._options["settle_ms"] - since_ms
            self._later.append((due_ms, delivery.workflow_id, delivery.run))
        elif self._options["kept_ms"] is not None and since_ms > self._options["kept_ms"]:
            found.expired += 1
        else:
            found.lost_runs += 1
            found.lost_spans += len(finding.lost)
            found.add(finding, _explain(finding))
            yield from self._again(finding)

    def _again(self, finding: _Finding) -> "Iterator[Again]":
        delivery = finding.run.delivery
        fresh = self._source.find(delivery.workflow_id, delivery.run)
        if fresh is not None:
            again = tell(fresh._replace(delivery=delivery), self._telling)
            again.pieces = ([span for span in piece if span[20:28] in finding.lost] for piece in again.pieces)
            yield again

    def _ask_again(self) -> "Iterator[Again]":
        """For what was delivered a moment ago, once it must be there."""
        for due_ms, workflow_id, run in sorted(self._later):
            while (left_ms := due_ms - self._source.now_ms()) > 0 and not self._stop.is_set():
                self._stop.wait(min(left_ms / 1_000, 1.0))
            if self._stop.is_set():
                self.halted = "it was stopped"
                return
            fresh = self._source.find(workflow_id, run)
            if fresh is not None:
                yield from self._judge(self._examine(fresh), again=True)


def find_missing(
    source: "Source", telling: Telling, settings: "Settings", options: Mapping[str, Any], stop: threading.Event
) -> Audit:
    """An audit that may begin. Raises TempoError where there is no Tempo."""
    from spans.tempo import Tempo

    spread = random.SystemRandom().random
    headers = dict(settings.tempo_headers)
    tempo = Tempo(options["tempo"], headers, stop, source.now_ms, spread, options["patience_ms"])
    tempo.greet()
    return Audit(source, telling, tempo, options, stop)


def _explain(finding: _Finding) -> str:
    """Why spans that the endpoint accepted may not be there."""
    if len(finding.lost) < finding.spans and finding.size > MAX_TRACE_BYTES:
        return (
            f"the trace has {finding.size} bytes: over max_bytes_per_trace ({MAX_TRACE_BYTES} unless set) a Tempo drops"
            " spans and answers 200"
        )
    what = "the whole trace" if len(finding.lost) == finding.spans else "a request"
    return f"{what} was accepted and lost before it was on disk (a Tempo answers 200 before that), or was deleted since"
