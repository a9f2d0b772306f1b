"""Longspan in one process, for tests: router, worker and exporter in threads, and a receiver for what they send."""

import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Self

from longspan.receiver import Receiver
from longspan.testing import NAMESPACE
from longspan.testing.errors import BadEventError, NeverHappenedError
from longspan.testing.replaying import tell_workflow
from longspan.testing.result import Result, RunResult, WorkflowResult, tell_run
from longspan.testing.script import Passing, Script, Source
from longspan.testing.span import Span, from_received, make_trees
from longspan.testing.stack_export import StackExport
from machines.catalog import Catalog
from machines.changes import Dead
from machines.cloudevents import event_fields
from machines.events import Event
from machines.timeouts import is_own
from spans.own_trace import own_trace
from streams.client import Client, connect
from streams.deadletters import DeadLetter, list_dead_letters
from streams.ingress import emit
from streams.keys import Keys
from streams.layout import settle_partitions
from streams.routing import Routing
from streams.status import WorkflowView, find_workflow, read_journal
from streams.survey import survey
from streams.worker import Worker, WorkerOptions

PARTITIONS = 4
WAIT_SECONDS = 10.0
_LOOK_SECONDS = 0.005
_STEP_NS = 1_000  # between events that are sent at once
_pause = threading.Event()


class Stack:
    """Runs while it is entered as a context, under a key prefix of its own. `receiver` holds what was exported.

    `find` says where a file of events is, `attach` is given every result.
    """

    def __init__(
        self,
        url: str,
        catalog: Catalog,
        find: Callable[[Source], Source] = lambda events: events,
        attach: Callable[[Result], Result] = lambda result: result,
    ) -> None:
        self.url = url
        self.prefix = f"test-{uuid.uuid4().hex[:12]}"
        self.receiver = Receiver()
        self._catalog = catalog
        self._find = find
        self._attach = attach
        self._keys = Keys(self.prefix)
        self._ids: dict[str, None] = {}
        self._script = Script(catalog, time.time_ns(), _STEP_NS)
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        self._client = connect(self.url)
        settle_partitions(self._client, self._keys, PARTITIONS)
        options = WorkerOptions(name_trace=partial(own_trace, NAMESPACE))
        worker = Worker(self._connect, self._keys, PARTITIONS, self._catalog, options, _now_ms)
        routing = Routing(self._connect, self._keys, PARTITIONS, options.lease_ms, _now_ms)
        self._threads = [
            threading.Thread(target=run, args=(self._stop,), name=name)
            for name, run in (("router", routing.run), ("worker", worker.run))
        ]
        self.receiver.start()
        self._export = StackExport(self._connect, self._keys, PARTITIONS, self.receiver.endpoint)
        for thread in self._threads:
            thread.start()
        self._export.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._export.stop()
        for thread in self._threads:
            thread.join()
        self.receiver.stop()
        self._client.close()

    def emit(self, events: Source) -> list[Event]:
        """Send events, written as for `replay`; the same, as they were sent. Those without a time happen now.

        What a recording says of deadlines and messages is left out: these come by themselves.
        Raises BadEventError, UnknownMachineError, OSError.
        """
        sent: list[Event] = []
        self._script.pass_time(time.time_ns())
        for item in self._script.read(self._find(events)):
            if isinstance(item, Passing):
                raise BadEventError("a duration", "time passes by itself here: use `replay` to test deadlines")
            if not is_own(item.event):
                sent.append(item.event)
        self._ids.update(dict.fromkeys(event.subject for event in sent))
        emit(self._client, self._keys, map(event_fields, sent))
        return sent

    def wait_for(
        self, workflow_id: str, status: str | None = None, *, state: str | None = None, seconds: float = WAIT_SECONDS
    ) -> WorkflowResult:
        """Wait until a workflow has a status (running, ok, error, timeout, cancelled), or is in a state (its path).

        Where it has ended, its spans have been received when this returns. Raises NeverHappenedError as soon as
        nothing is under way that could bring it, with how everything stands.
        """
        __tracebackhide__ = True
        wanted = f"status {status}" if state is None else f"state {state}"
        wanted = f"{wanted} of {workflow_id}"
        deadline = time.monotonic() + seconds
        while True:
            settled = self._is_settled()
            view = self._view(workflow_id)
            if view is not None and _holds(view, status, state):
                if view.snapshot.ended:
                    self.settle(max(0.0, deadline - time.monotonic()))
                return self._tell(view)
            due_ns = min(view.snapshot.deadlines.values(), default=None) if view is not None else None
            in_vain = settled and (due_ns is None or due_ns > time.time_ns() + (deadline - time.monotonic()) * 10**9)
            if in_vain or time.monotonic() > deadline:
                raise NeverHappenedError(wanted, None if in_vain else seconds, str(self._result()))
            _pause.wait(_LOOK_SECONDS)

    def settle(self, seconds: float = WAIT_SECONDS) -> None:
        """Wait until everything that was sent has been folded and exported. Raises NeverHappenedError."""
        __tracebackhide__ = True
        deadline = time.monotonic() + seconds
        while not self._is_settled():
            if time.monotonic() > deadline:
                raise NeverHappenedError("the end of all work", seconds, str(self._result()))
            _pause.wait(_LOOK_SECONDS)

    def spans(self, workflow_id: str) -> tuple[Span, ...]:
        """What was received of a workflow so far, each span before those within it."""
        return tuple(span for root in make_trees(self._received(workflow_id)) for span in root)

    def result(self) -> Result:
        """All that became of the events sent, once it is settled; the spans are those received."""
        self.settle()
        return self._attach(self._result())

    def _result(self) -> Result:
        views = filter(None, map(self._view, self._ids))
        letters = list_dead_letters(self._client, self._keys, PARTITIONS)
        dead = [_dead(letter) for letter in letters]
        return Result({view.id: self._tell(view) for view in views}, dead)

    def _tell(self, view: WorkflowView) -> WorkflowResult:
        runs: list[RunResult] = []
        for number in range(1, view.snapshot.run + 1):
            journal = read_journal(self._client, self._keys, PARTITIONS, view.id, number)
            if journal is not None:
                spans = self._received(view.id, number)
                runs.append(tell_run(*journal, make_trees(spans)))
        return tell_workflow(view.id, view.snapshot, runs)

    def _received(self, workflow_id: str, run: int | None = None) -> list[Span]:
        return [
            from_received(span)
            for span in self.receiver.spans
            if span.attributes["workflow.id"] == workflow_id and run in (None, span.attributes["workflow.run"])
        ]

    def _view(self, workflow_id: str) -> WorkflowView | None:
        return find_workflow(self._client, self._keys, PARTITIONS, workflow_id)

    def _is_settled(self) -> bool:
        """Events go from the ingress stream to partitions: so that is looked at first, and these after."""
        if survey(self._client, self._keys, ()).ingress:
            return False
        # A message leads to an entry elsewhere before it is gone, and an entry to messages: so both, and one again.
        return self._is_quiet() and not self._messages() and self._is_quiet()

    def _is_quiet(self) -> bool:
        seen = survey(self._client, self._keys, range(PARTITIONS)).partitions.values()
        return not any(partition.unread or partition.outbox for partition in seen)

    def _messages(self) -> int:
        streams = [self._keys.of(partition).messages for partition in range(PARTITIONS)]
        return sum(self._client.call_all([("XLEN", key) for key in streams]))

    def _connect(self) -> Client:
        return connect(self.url)


def _holds(view: WorkflowView, status: str | None, state: str | None) -> bool:
    return status in (None, view.snapshot.status) and (state is None or state in view.snapshot.states)


def _dead(letter: DeadLetter) -> Dead:
    assert letter.event is not None, "what was sent could be read"
    return Dead(letter.event, letter.reason, letter.field, letter.detail)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
