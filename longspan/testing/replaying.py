"""Events folded in memory: no server, no clock, the same result always."""

from collections.abc import Iterable, Sequence

from longspan.testing import NAMESPACE
from longspan.testing.errors import MomentError
from longspan.testing.result import Result, RunResult, WorkflowResult, tell_run
from longspan.testing.script import Passing, Script, Source
from longspan.testing.span import from_planned, make_trees
from machines.catalog import Catalog
from machines.durations import parse_duration
from machines.errors import DurationError
from machines.folded import Run
from machines.history import History, Machines
from machines.instants import format_instant, parse_instant
from machines.recorded_line import Line
from machines.refolding import Refolding
from machines.snapshot import Snapshot
from spans.plan import plan
from spans.run_trace import RunTrace

_KEPT = 1_000_000_000  # a test looks at everything


def replay_events(source: Source, catalog: Catalog, until: str | None = None) -> Result:
    """Fold events, let time pass until `until`, and plan the spans.

    `until` is a time (RFC 3339), how long after the first event (`4h`), or the id or type of the last event to take.
    Deadlines fire that are due by the time of the last event, or by the time given. Raises TestUseError, OSError.
    """
    items = list(Script(catalog).read(source))
    lines, end_ns = _cut(items, until)
    machines = Machines(catalog)
    refolding = Refolding([machines], _KEPT)
    for line in lines:
        refolding.feed(line)
    refolding.horizon_ns = max(refolding.horizon_ns, end_ns)
    histories = [history for (history,) in refolding.finish()]
    dead = [each for history in histories for each in history.dead]
    return Result({history.subject: _tell(history, refolding.horizon_ns) for history in histories}, dead)


def _cut(items: Sequence[Line | Passing], until: str | None) -> tuple[list[Line], int]:
    """The events up to `until`, and how far time goes in any case."""
    lines = [item for item in items if isinstance(item, Line)]
    passed_ns = max((item.until_ns for item in items if isinstance(item, Passing)), default=0)
    if until is None:
        return lines, passed_ns
    end_ns = _moment(until, lines[0].event.time_ns if lines else 0)
    if end_ns is not None:
        return [line for line in lines if line.event.time_ns <= end_ns], end_ns
    for index, line in enumerate(lines):
        if until in (line.event.id, line.event.type):
            return lines[: index + 1], 0
    raise MomentError(until)


def _moment(until: str, first_ns: int) -> int | None:
    try:
        return first_ns + parse_duration(until)
    except DurationError:
        pass
    try:
        return parse_instant(until)
    except ValueError:
        return None


def _tell(history: History, now_ns: int) -> WorkflowResult:
    return tell_workflow(history.subject, history.snapshot, [_plan(run, now_ns) for run in history.runs])


def _plan(run: Run, now_ns: int) -> RunResult:
    told = plan(NAMESPACE, run.workflow_id, run.header, run.records)
    is_open = RunTrace(NAMESPACE, run.workflow_id, run.header, told.state).tell_open(now_ns)
    return tell_run(run.header, run.records, make_trees(map(from_planned, [*is_open, *told.spans])))


def tell_workflow(workflow_id: str, snapshot: Snapshot, runs: Iterable[RunResult]) -> WorkflowResult:
    """A workflow, from its snapshot and its runs."""
    runs = tuple(runs)
    states = sorted(snapshot.states)
    if snapshot.ended and runs:
        last = [event.steps for event in runs[-1].events if event.result == "applied" and event.steps][-1:]
        states = [step[1:] for steps in last for step in steps if step[0] == "*"]
    return WorkflowResult(
        id=workflow_id,
        status=snapshot.status,
        states=states,
        attributes=snapshot.attributes,
        variables=snapshot.situation.variables,
        deadlines={key: format_instant(due_ns) for key, due_ns in snapshot.deadlines.items()},
        reason=snapshot.reason,
        runs=runs,
    )
