"""Where a search looks: the runs that a condition may be true of, by the shortest way, newest start first."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from api.tempo.conditions import Condition, required
from api.tempo.fields import Field, canonical, elements
from machines.attributes import AttributeValue
from streams.client import Client
from streams.keys import Keys
from streams.query import Query, find_by_trace, find_page
from streams.status import find_workflow

PAGE = 20
MOST_RUNS_OF_ONE = 20  # of one workflow, the last ones
_ENDED = ("ok", "error", "timeout", "cancelled")
_TRACE_ID = re.compile("[0-9a-f]{1,32}")

Runs = list[tuple[str, int]]


class Target(NamedTuple):
    """What must hold. `impossible`: nothing can fulfil it."""

    query: Query = Query()
    workflow_id: str | None = None
    trace_id: str | None = None
    impossible: bool = False


def aim(condition: Condition, resource: Mapping[str, AttributeValue], before_ns: int | None) -> Target:
    """Where spans that fulfil a condition can be; of runs that started before a time."""
    machine = status = workflow_id = trace_id = state = None
    is_open = impossible = False
    attributes: list[tuple[str, str]] = []
    for wanted in required(condition):
        field, value = wanted.field, wanted.value
        if field.scope == "resource" or (field.scope == "intrinsic" and canonical(field.name) == "trace:rootService"):
            name = field.name if field.scope == "resource" else "service.name"
            impossible |= not wanted.fits_values(elements(resource[name]) if name in resource else ())
        elif wanted.operator != "=" or wanted.pattern is not None:
            continue
        elif field == Field("span", "workflow.open") and value is True:
            is_open = True
        elif not isinstance(value, str):
            continue
        elif field.scope == "intrinsic":
            if canonical(field.name) == "trace:rootName":
                machine = value
            elif canonical(field.name) == "trace:id":
                trace_id = value
        elif field.name in resource and field.scope != "span":
            continue
        elif field.name == "workflow.id":
            workflow_id = value
        elif field.name == "workflow.machine":
            machine = value
        elif field.name == "workflow.outcome":
            status = value
            impossible |= value not in _ENDED
        elif field.name == "workflow.state":
            state = value
        elif not field.name.startswith("workflow.") and field.scope in ("", "span"):
            attributes.append((field.name, value))
    query = Query(
        machine=machine,
        status="running" if is_open else status,
        state=state if is_open else None,
        attributes=tuple(attributes),
        started_before_ns=before_ns,
    )
    return Target(query, workflow_id, trace_id, impossible)


def find_runs(
    client: Client, keys: Keys, partitions: int, target: Target, after_ns: int | None, now_ms: int
) -> Iterator[Runs]:
    """Runs where spans may be, a few at a time: of a workflow or a trace that is named all, else the last of each
    workflow that did not end before a time, those that run before the others. Raises redis.RedisError."""
    if target.impossible or not partitions:
        return
    if target.trace_id is not None:
        if _TRACE_ID.fullmatch(target.trace_id):
            runs = find_by_trace(client, keys, partitions, target.trace_id.zfill(32))
            yield from (runs[start : start + PAGE] for start in range(0, len(runs), PAGE))
        return
    if target.workflow_id is not None:
        view = find_workflow(client, keys, partitions, target.workflow_id)
        last = view.snapshot.run if view else 0
        yield [(target.workflow_id, run) for run in range(last, max(0, last - MOST_RUNS_OF_ONE), -1)]
        return
    query = target.query
    for running in (True, False) if query.status is None else (query.status == "running",):
        asked = replace(query, status="running") if running else query
        cursor: str | None = None
        while True:
            page = find_page(client, keys, partitions, asked, limit=PAGE, cursor=cursor, now_ms=now_ms)
            yield [
                (view.id, view.snapshot.run)
                for view in page.views
                if view.snapshot.run
                and (view.snapshot.status == "running") == running
                and (after_ns is None or view.snapshot.ended_ns is None or view.snapshot.ended_ns >= after_ns)
            ]
            cursor = page.next
            if cursor is None:
                break
