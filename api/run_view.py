"""A run as the page of its workflow shows it: facts, waterfall, journal, and the states of the chart that are lit."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from api.description import JournalEvent, Workflow, describe_record
from api.family_traces import FamilyTrace, read_family
from api.problems import not_found
from api.service import Service
from api.waterfall import Waterfall, describe_waterfall
from api.workflows import read_workflow
from machines.instants import format_instant
from machines.journal import Outcome, Record
from machines.snapshot import Status
from streams.children import find_children
from streams.client import Client
from streams.indexes import attribute_texts
from streams.journal_pages import read_journal_page

SHOWN_BARS, SHOWN_EVENTS = 200, 200
SHOWN_CHILDREN, TRACED_CHILDREN = 50, 20  # the newest: in the list, and in the waterfall
_OWN = "workflow."


class RunView(NamedTuple):
    """One run at `now_ns`. `run` is 0 where none has begun. `is_last` is false for a former run: its workflow has begun
    another since. `events` are those before the index `before`, newest first, `total` how many there are. `children`
    are the newest ones and how they stand; `untraced` counts workflows within the run that the waterfall leaves out.
    """

    workflow: Workflow
    run: int
    is_last: bool
    machine: str
    version: int
    status: Status
    started: str
    started_ms: int
    ended: str
    ended_ms: int
    attributes: dict[str, str]
    trace_id: str
    trace_link: str
    reason: str
    waterfall: Waterfall
    events: list[JournalEvent]
    total: int
    lit: dict[str, str]
    now_ns: int
    children: list[tuple[str, Status]]
    untraced: int

    @property
    def older(self) -> int | None:
        """The index before which older events are found, None where there are none."""
        first = self.events[-1].index if self.events else 1
        return first if first > 1 else None


def read_run_view(
    client: Client, service: Service, partitions: int, workflow_id: str, run: int | None, before: int | None
) -> RunView:
    """A run, by default the last. Raises Problem 404, SnapshotError, PlanError, redis.RedisError."""
    now_ns = service.now_ns()
    workflow = read_workflow(client, service, partitions, workflow_id)
    chosen = run if run is not None else workflow.run or 0
    trace = None
    records: list[Record] = []
    total = first = 0
    if chosen:
        trace = read_family(
            client, service, partitions, workflow_id, chosen, now_ns, shown=SHOWN_BARS, most_runs=TRACED_CHILDREN
        )
        told = read_journal_page(client, service.keys, partitions, workflow_id, chosen, after=0, limit=0)
        if trace is None or told is None:
            raise not_found("run", str(chosen), f"workflow {workflow_id!r} has no such one, or it ended long ago")
        total = told.total
        last = min(total, before - 1) if before else total
        first = max(0, last - SHOWN_EVENTS)
        page = read_journal_page(client, service.keys, partitions, workflow_id, chosen, after=first, limit=last - first)
        records = page.records if page else []
    children = _find_children(client, service, partitions, workflow, chosen)
    return _describe(service, workflow, chosen, trace, records, first, total, now_ns, children)


def _find_children(
    client: Client, service: Service, partitions: int, workflow: Workflow, run: int
) -> list[tuple[str, Status]]:
    """The newest children of a run; one that has not begun is of the last."""
    if not workflow.children:
        return []
    (listed,) = find_children(client, service.keys, partitions, [workflow.id], SHOWN_CHILDREN)
    places = [(child, child.snapshot.place) for child in listed]
    is_last = run == (workflow.run or 0)
    return [
        (child.id, child.snapshot.status)
        for child, place in places
        if (is_last if place is None or not place.run else place.run == run)
    ]


def _describe(
    service: Service,
    workflow: Workflow,
    run: int,
    family: FamilyTrace | None,
    records: Sequence[Record],
    first: int,
    total: int,
    now_ns: int,
    children: list[tuple[str, Status]],
) -> RunView:
    is_last = run == (workflow.run or 0)
    trace = family.view if family else None
    spans = family.spans if family else []
    open_ids = family.open_ids if family else frozenset()
    indexes = {(record.event.id, record.event.time_ns): index for index, record in enumerate(records, first + 1)}
    left_out = family.left_out if family else 0
    waterfall = describe_waterfall(spans, open_ids, left_out, now_ns, indexes, workflow.id)
    own = [*trace.trace.open, *trace.trace.ended] if trace else []
    root = next((span for span in own if not span.path), None)
    outcome: Outcome | None = trace.trace.outcome if trace else None
    attributes: Mapping[str, Any] = workflow.attributes
    if root is not None and not is_last:
        attributes = {name: value for name, value in root.attributes.items() if not name.startswith(_OWN)}
    version = root.attributes.get("workflow.version") if root else workflow.version
    ended_ns = root.end_ns if root is not None and outcome else 0
    trace_id = trace.trace.trace_id if trace else workflow.trace_id or ""
    link = service.options.trace_link
    return RunView(
        workflow=workflow,
        run=run,
        is_last=is_last,
        machine=trace.machine if trace else workflow.machine or "",
        version=version if isinstance(version, int) else 0,
        status=workflow.status if is_last else outcome or "running",
        started=format_instant(root.start_ns) if root else "",
        started_ms=root.start_ns // 1_000_000 if root else 0,
        ended=format_instant(ended_ns) if ended_ns else "",
        ended_ms=ended_ns // 1_000_000,
        attributes={name: ", ".join(texts) for name, value in attributes.items() if (texts := attribute_texts(value))},
        trace_id=trace_id,
        trace_link=link.replace("{trace_id}", trace_id) if link and trace_id else "",
        reason=(workflow.reason if is_last else root.message if root else None) or "",
        waterfall=waterfall,
        events=[describe_record(index, record) for index, record in enumerate(records, first + 1)][::-1],
        total=total,
        lit=_light(workflow if is_last else None, [bar.path for bar in waterfall.bars if not bar.child], records),
        now_ns=now_ns,
        children=children,
        untraced=family.runs_left_out if family else 0,
    )


def _light(workflow: Workflow | None, visited: Sequence[str], records: Sequence[Record]) -> dict[str, str]:
    """`visited`, `now`, or the outcome of an end, by the path of a state."""
    lit = {path: "visited" for path in visited if path and not path.startswith("#")}
    for record in records:
        lit |= {step[1:]: "visited" for step in record.steps if step[0] in "+*"}
        if record.outcome is not None:
            lit |= {step[1:]: record.outcome for step in record.steps if step[0] == "*" and "." not in step}
    if workflow is not None and workflow.ended_at is None:
        lit |= dict.fromkeys(workflow.states, "now")
    return lit
