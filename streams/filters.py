"""Questions about workflows: what one must be, and where it stands among those that are."""

from collections.abc import Iterator

import msgspec

from streams.indexes import CHILDREN, innermost, searched_texts
from streams.status import WorkflowView

NANOSECONDS = 1_000_000  # in a millisecond


class Query(msgspec.Struct, frozen=True):
    """What is asked for; all that is set must hold.

    `state` is a path: workflows in that state, or in one inside it. `attributes` are names and values as text.
    Times are event time in ns since the epoch: a run that started at `started_after_ns` or later, and before
    `started_before_ns`. `parent` is the id of the workflow that they are part of.
    `overdue`: with a deadline that is due and has not been applied.
    """

    machine: str | None = None
    status: str | None = None
    state: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    started_after_ns: int | None = None
    started_before_ns: int | None = None
    overdue: bool = False
    parent: str | None = None

    @property
    def texts(self) -> list[tuple[bytes, str]]:
        """What indexes of texts are asked: their names, and the texts that workflows have there."""
        found = [(f"attr:{name}".encode(), value) for name, value in self.attributes]
        return found if self.parent is None else [(CHILDREN, self.parent), *found]


def fits(view: WorkflowView, query: Query, now_ms: int) -> bool:
    """Whether a workflow is what is asked for, as its snapshot says."""
    snapshot = view.snapshot
    return (
        query.machine in (None, snapshot.machine)
        and query.status in (None, snapshot.status)
        and query.parent in (None, snapshot.parent)
        and (query.state is None or (snapshot.status == "running" and rank(view, query) is not None))
        and all(value in searched_texts(snapshot.attributes.get(name)) for name, value in query.attributes)
        and (query.started_after_ns is None or snapshot.started_ns >= query.started_after_ns)
        and (query.started_before_ns is None or snapshot.started_ns < query.started_before_ns)
        and (not query.overdue or bool(view.overdue(now_ms)))
    )


def rank(view: WorkflowView, query: Query) -> int | None:
    """Where a workflow stands in the order (ms): by its start, or where a state is asked for by its entry into that."""
    if query.state is None:
        return view.snapshot.started_ns // NANOSECONDS
    return max(_entries(view, query.state), default=None)


def inside(path: str, state: str) -> bool:
    """Whether a state is that of a path, or lies within it."""
    return path == state or path.startswith(f"{state}.")


def _entries(view: WorkflowView, state: str) -> Iterator[int]:
    for path, entered_ns in innermost(view.snapshot.states).items():
        if inside(path, state):
            yield entered_ns // NANOSECONDS
