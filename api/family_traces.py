"""A run's trace together with those of its children, and of theirs: they are one trace, wherever their journals are."""

from typing import NamedTuple

from api.run_traces import RunTraceView, read_trace, read_traces
from api.service import Service
from spans.live import SHOWN_SPANS, in_tree_order
from spans.planned import PlannedSpan
from streams.children import find_children
from streams.client import Client
from streams.keys import partition_of
from streams.status import WorkflowView, read_views

MOST_RUNS = 500  # below the one that is asked for: the newest of each, a level at a time
LEAST_SPANS = 20  # of each run that are shown


class FamilyTrace(NamedTuple):
    """The trace of a run, and `below` those of the runs that are part of it. `runs_left_out` counts such runs that are
    not among them, as far as anybody knows."""

    view: RunTraceView
    below: list[RunTraceView]
    runs_left_out: int

    @property
    def left_out(self) -> int:
        """How many ended spans of its runs are left out."""
        return sum(view.trace.left_out for view in (self.view, *self.below))

    @property
    def open_ids(self) -> frozenset[int]:
        """The ids of the spans that are open."""
        return frozenset(span.span_id for view in (self.view, *self.below) for span in view.trace.open)

    @property
    def spans(self) -> list[PlannedSpan]:
        """All of them, parents before children, siblings by start."""
        traces = [view.trace for view in (self.view, *self.below)]
        return in_tree_order([span for trace in traces for span in (*trace.open, *trace.ended)])


def read_family(
    client: Client,
    service: Service,
    partitions: int,
    workflow_id: str,
    run: int | None,
    now_ns: int,
    *,
    shown: int = SHOWN_SPANS,
    most_runs: int = MOST_RUNS,
) -> FamilyTrace | None:
    """The trace of a run, by default the last, with its children; None where there is no such run.

    A child that cannot be told is left out: asked for by itself, it says why. Raises SnapshotError, PlanError,
    redis.RedisError.
    """
    view = read_trace(client, service, partitions, workflow_id, run, now_ns, shown=shown)
    if view is None:
        return None
    top = (view.workflow_id, view.run)
    (whole,) = read_views(client, service.keys, [(partition_of(view.workflow_id, partitions), view.workflow_id)])
    counts = whole.snapshot.children if whole is not None and whole.snapshot.run == view.run else None
    if counts is not None and counts.started == counts.apart:
        return FamilyTrace(view, [], 0)
    expected = counts.started - counts.apart if counts is not None else 0  # nobody counts those of former runs
    found, left_out = _find(client, service, partitions, top, expected, most_runs)
    each = max(LEAST_SPANS, shown // (1 + len(found)))
    told = read_traces(client, service, partitions, found, now_ns, shown=each) if found else []
    below = [one for one in told if isinstance(one, RunTraceView) and one.trace.trace_id == view.trace.trace_id]
    return FamilyTrace(view, below, left_out + len(found) - len(below))


def _find(
    client: Client, service: Service, partitions: int, top: tuple[str, int], expected: int, most: int
) -> tuple[list[tuple[str, int]], int]:
    """The runs below one, level by level, and how many there are besides."""
    found: dict[tuple[str, int], None] = {}
    left_out = 0
    level = {top: expected}  # how many children there should be of each
    while level and len(found) < most:
        names = [name for name, _ in level]
        listed = zip(level.items(), find_children(client, service.keys, partitions, names, most), strict=True)
        level = {}
        for (parent, count), children in listed:
            joined = [child for child in children if is_joined_to(child, parent)]
            left_out += max(0, count - len(joined))
            for child in joined:
                place = child.id, child.snapshot.run
                if place == top or place in found:
                    continue
                if len(found) >= most:
                    left_out += 1
                    continue
                found[place] = None
                below = child.snapshot.children
                if below.started > below.apart:
                    level[place] = below.started - below.apart
    return list(found), left_out + sum(level.values())


def is_joined_to(child: WorkflowView, parent: tuple[str, int]) -> bool:
    """Whether the last run of a workflow is in the trace of a run, as its child."""
    place = child.snapshot.place
    return place is not None and place.apart is None and (place.parent, place.run) == parent
