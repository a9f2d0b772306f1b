"""The traces of runs as they are now, read from their journals."""

from collections.abc import Sequence
from typing import NamedTuple

from api.service import Service
from api.trace_memory import Key, Known
from machines.errors import SnapshotError
from spans.errors import PlanError
from spans.live import SHOWN_SPANS, LiveTrace, add_open, collect_ended
from streams.client import Client
from streams.journals import OpenJournal, open_journals, reopen_journal
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
    """The trace of one run, by default the last, as `read_traces` gives it; None where there is no such run.

    Raises SnapshotError and PlanError for a journal that cannot be told, redis.RedisError.
    """
    if not partitions:
        return None
    if run is None:
        view = find_workflow(client, service.keys, partitions, workflow_id)
        run = view.snapshot.run if view is not None else 0
    if not run:
        return None
    (found,) = read_traces(client, service, partitions, [(workflow_id, run)], now_ns, shown=shown)
    if isinstance(found, Exception):
        raise found
    return found


def read_traces(
    client: Client,
    service: Service,
    partitions: int,
    runs: Sequence[tuple[str, int]],
    now_ns: int,
    *,
    shown: int = SHOWN_SPANS,
) -> list[RunTraceView | SnapshotError | PlanError | None]:
    """The traces of runs, begun in one go, with at most `shown` ended spans each: without those of children.

    None for a run that is not there, the error for one that cannot be told. Raises redis.RedisError.
    """
    told: dict[tuple[str, int], RunTraceView | SnapshotError | PlanError | None] = {}
    for name, run in runs:
        known = service.memory.find((name, run, shown))
        journal = known and reopen_journal(client, service.keys, partitions, name, known.mark)
        if journal is not None:
            told[name, run] = _tell(service, (name, run, shown), journal, known, now_ns)
    fresh = [run for run in runs if run not in told]
    for one, opened in zip(fresh, open_journals(client, service.keys, partitions, fresh), strict=True):
        if isinstance(opened, OpenJournal):
            told[one] = _tell(service, (*one, shown), opened, None, now_ns)
        else:
            told[one] = opened
    return [told[run] for run in runs]


def _tell(
    service: Service, key: Key, journal: OpenJournal, known: Known | None, now_ns: int
) -> RunTraceView | SnapshotError | PlanError:
    (workflow_id, run, shown), header, options = key, journal.header, service.options
    try:
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
    except (SnapshotError, PlanError) as error:
        return error
    return RunTraceView(workflow_id, run, header.machine, trace)
