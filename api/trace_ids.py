"""Trace ids of runs: each is read from its journal once, and remembered, since it never changes."""

from collections.abc import Sequence

from spans.own_trace import own_trace
from streams.beginnings import read_beginnings
from streams.client import Client
from streams.keys import Keys
from streams.status import WorkflowView

MOST_REMEMBERED = 20_000  # runs; some 5 MB

_Run = tuple[str, int, int]  # workflow id, run, and its start: an id may be used anew after its workflow was removed


class TraceIds:
    """Any number of threads may share one."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._known: dict[_Run, str] = {}

    def find(self, client: Client, keys: Keys, views: Sequence[WorkflowView]) -> list[str | None]:
        """The trace id of each workflow's last run; None where none has begun. Raises redis.RedisError."""
        found = [self._known.get(_name(view)) for view in views]
        missing = [place for place, trace in enumerate(found) if trace is None]
        if missing:
            wanted = [views[place] for place in missing]
            runs = ((keys.of(view.partition), view.id, view.snapshot.run) for view in wanted)
            for place, view, begun in zip(missing, wanted, read_beginnings(client, runs), strict=True):
                if begun is not None:
                    found[place] = self._remember(view, own_trace(self._namespace, view.id, *begun))
        return found

    def _remember(self, view: WorkflowView, trace: str) -> str:
        if len(self._known) >= MOST_REMEMBERED:
            for run in list(self._known)[: MOST_REMEMBERED // 10]:
                self._known.pop(run, None)
        self._known[_name(view)] = trace
        return trace


def _name(view: WorkflowView) -> _Run:
    return view.id, view.snapshot.run, view.snapshot.started_ns
