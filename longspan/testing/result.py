"""What became of the events of a test: workflows, their runs, spans and what was not applied."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from longspan.testing.errors import NotOneWorkflowError
from longspan.testing.span import Span
from machines.changes import Dead
from machines.cloudevents import structured
from machines.journal import Header, Outcome, Record


@dataclass(frozen=True, slots=True)
class Happened:
    """An event and what it did, as the journal says: `result` is applied, rejected or late; `steps` are `-left`,
    `+entered` and `*final` paths."""

    type: str
    id: str
    result: str
    reason: str | None
    steps: tuple[str, ...]
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True, repr=False)
class RunResult:
    """One run: its journal, and its spans as trees (one root, unless spans of a live run are still to come)."""

    header: Header
    events: tuple[Happened, ...]
    outcome: Outcome | None
    roots: tuple[Span, ...]

    @property
    def root(self) -> Span:
        """The workflow span."""
        return self.roots[0]

    @property
    def spans(self) -> tuple[Span, ...]:
        """All of them, each before those within it."""
        return tuple(span for root in self.roots for span in root)

    @property
    def rejected(self) -> list[Happened]:
        """The events that the chart did not take, with the reason."""
        return [event for event in self.events if event.result == "rejected"]

    @property
    def late(self) -> list[Happened]:
        """The events that came after the end."""
        return [event for event in self.events if event.result == "late"]

    @property
    def visited(self) -> list[str]:
        """The paths of states in the order of entry, final ones included."""
        return [step[1:] for event in self.events for step in event.steps if step[0] in "+*"]

    def __repr__(self) -> str:
        return f"<run {self.header.run} of {self.header.machine}: {self.outcome or 'running'}>"


@dataclass(frozen=True, slots=True, repr=False)
class WorkflowResult:
    """One workflow. `status` is waiting, running or the outcome; `states` are the paths of the states that it is in,
    and where it has ended those of the final states that it reached last. `deadlines` are due times (RFC 3339) by
    state path, or by the machine's name; `variables` are the chart's own."""

    id: str
    status: str
    states: list[str]
    attributes: Mapping[str, Any]
    variables: Mapping[str, Any]
    deadlines: Mapping[str, str]
    reason: str | None
    runs: tuple[RunResult, ...]

    @property
    def run(self) -> RunResult:
        """The latest. Raises IndexError where it has not begun."""
        return self.runs[-1]

    def __repr__(self) -> str:
        return f"<{self.id}: {self.status}{' in ' if self.states else ''}{', '.join(self.states)}>"


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Result:
    """Workflows by id, in order of their first event, and events that could not be applied.

    What is told below of *the* workflow raises NotOneWorkflowError where there is not exactly one. Two results are
    equal when their texts are, ids included.
    """

    workflows: Mapping[str, WorkflowResult]
    dead: Sequence[Dead] = ()
    _golden: Callable[["Result", str, bool], None] | None = None

    @property
    def workflow(self) -> WorkflowResult:
        """The workflow."""
        if len(self.workflows) != 1:
            raise NotOneWorkflowError(list(self.workflows))
        (workflow,) = self.workflows.values()
        return workflow

    @property
    def outcome(self) -> Outcome | None:
        """How the workflow's latest run ended: ok, error, timeout or cancelled; None while it runs, or waits."""
        workflow = self.workflow
        return workflow.run.outcome if workflow.runs else None

    @property
    def states(self) -> list[str]:
        """Where the workflow stands."""
        return self.workflow.states

    @property
    def visited(self) -> list[str]:
        """The states that the workflow's latest run has entered, in order."""
        return self.workflow.run.visited

    @property
    def spans(self) -> tuple[Span, ...]:
        """The spans of all runs, each before those within it."""
        return tuple(span for run in self._runs() for span in run.spans)

    @property
    def root(self) -> Span:
        """The span of the workflow's latest run."""
        return self.workflow.run.root

    @property
    def rejected(self) -> list[Happened]:
        """The events of all runs that charts did not take."""
        return [event for run in self._runs() for event in run.rejected]

    @property
    def late(self) -> list[Happened]:
        """The events of all runs that came after the end."""
        return [event for run in self._runs() for event in run.late]

    def assert_golden(self, name: str, *, ids: bool = False) -> None:
        """Compare with the file `golden/<name>.txt` beside the test; `--longspan-update` writes it anew.

        With `ids`, those of traces, spans, links and events are in it: for when they must never change.
        """
        __tracebackhide__ = True
        assert self._golden is not None, "the result was not made by a fixture"
        self._golden(self, name, ids)

    def text(self, *, ids: bool = False) -> str:
        """The trees as text."""
        from longspan.testing.tree_text import result_text

        return result_text(self, ids=ids)

    def _runs(self) -> list[RunResult]:
        return [run for workflow in self.workflows.values() for run in workflow.runs]

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<result: {len(self.workflows)} workflows, {len(self.dead)} dead letters>"

    def __eq__(self, other: object) -> bool:
        return self.text(ids=True) == other.text(ids=True) if isinstance(other, Result) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # what is compared by its text is no key


def tell_record(record: Record) -> Happened:
    """What a journal says of an event."""
    event = record.event
    return Happened(event.type, event.id, record.result, record.reason, tuple(record.steps), structured(event))


def tell_run(header: Header, records: Sequence[Record], roots: tuple[Span, ...]) -> RunResult:
    """A run, from its journal and its spans."""
    outcome = next((record.outcome for record in records if record.outcome), None)
    return RunResult(header, tuple(map(tell_record, records)), outcome, roots)
