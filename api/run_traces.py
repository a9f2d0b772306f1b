"""The traces of runs as they are now, read from their journals."""

from typing import NamedTuple

from api.service import Service
from api.trace_memory import Known
from spans.live import SHOWN_SPANS, LiveTrace, add_open, collect_ended
from streams.client import Client
from streams.journals import open_journal, reopen_journal
from streams.status import find_workflow


class RunTraceView(NamedTuple):
    """The trace of one run of a workflow; `machine` is its name."""

    workflow_id: str
    run: int
    machine: str
    trace: LiveTrace


def read_trace(
    client: Client,
    service: Service,
    partitions: int,
    workflow_id: str,
    run: int | None,
    now_ns: int,
    *,
    shown: int = SHOWN_SPANS,
) -> RunTraceView | None:
    """The trace of a run, by default the last, with at most `shown` ended spans; None where there is no such run.

    Raises SnapshotError and PlanError for a journal that cannot be told, redis.RedisError.
    """
    if not partitions:
        return None
    if run is None:
        view = find_workflow(client, service.keys, partitions, workflow_id)
        run = view.snapshot.run if view is not None else 0
    key = (workflow_id, run, shown)
    known = service.memory.find(key)
    journal = known and reopen_journal(client, service.keys, partitions, workflow_id, known.mark)
    if journal is None:
        known = None
        journal = open_journal(client, service.keys, partitions, workflow_id, run) if run else None
    if journal is None:
        return None
    header, options = journal.header, service.options
    ended = collect_ended(
        options.namespace,
        workflow_id,
        header,
        journal.records,
        options.span_limits,
        shown=shown,
        before=known and known.ended,
    )
    size = journal.size + (known.size if known else 0)
    service.memory.keep(key, Known(ended, journal.bookmark, size))
    trace = add_open(options.namespace, workflow_id, header, ended, options.span_limits, now_ns)
    return RunTraceView(workflow_id, run, header.machine, trace)
