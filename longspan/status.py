"""`longspan status`: where workflows are now."""

import json
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from longspan.columns import align
from longspan.errors import NotFoundError
from longspan.settings import Settings, read_settings
from longspan.store import Store, open_store

if TYPE_CHECKING:
    from api.description import Workflow
    from machines.journal import Header, Record
    from streams.query import Query
    from streams.status import WorkflowView

    Journal = tuple[Header, list[Record]]

STATUSES = ("waiting", "running", "ok", "error", "timeout", "cancelled")


@click.command()
@click.argument("workflow_id", metavar="[ID]", required=False)
@click.option("--machine", help="Only workflows of this machine.")
@click.option("--status", "status_name", type=click.Choice(STATUSES), help="Only workflows with this status.")
@click.option("--state", help="Only workflows in this state, or in one inside it.")
@click.option(
    "--attr", "attributes", multiple=True, metavar="NAME=VALUE", help="Only workflows with this attribute; repeatable."
)
@click.option("--parent", metavar="ID", help="Only workflows that are part of this one.")
@click.option("--overdue", is_flag=True, help="Only workflows with a deadline that is due and has not been applied.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many to list at most.")
@click.option("--events", is_flag=True, help="With an ID: its events too, rejected and late ones with the reason.")
@click.option("--run", type=click.IntRange(1), help="With an ID: the events of an earlier run.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: an object for one workflow, a list for many.")
def status(
    workflow_id: str | None,
    machine: str | None,
    status_name: str | None,
    state: str | None,
    attributes: tuple[str, ...],
    parent: str | None,
    overdue: bool,
    limit: int,
    events: bool,
    run: int | None,
    as_json: bool,
) -> None:
    """Show workflows, newest start first, or one workflow in full.

    \b
      longspan status
      longspan status --machine order --status running
      longspan status --attr portfolio=FX --overdue
      longspan status wf-42 --events
    """
    if workflow_id is None and (events or run is not None):
        raise click.UsageError("--events and --run go with the id of a workflow")
    if workflow_id is not None and (machine or status_name or state or attributes or parent or overdue):
        raise click.UsageError(
            "--machine, --status, --state, --attr, --parent and --overdue filter the list: leave the id out"
        )
    settings = read_settings(os.environ)
    store = open_store(settings)
    if workflow_id is None:
        from streams.query import Query

        pairs = tuple(_read_attribute(text) for text in attributes)
        query = Query(
            machine=machine, status=status_name, state=state, attributes=pairs, overdue=overdue, parent=parent
        )
        return _list(store, settings, query, limit, as_json)
    return _show(store, settings, workflow_id, run, events or run is not None, as_json)


def _list(store: Store, settings: Settings, query: "Query", limit: int, as_json: bool) -> None:
    from machines.durations import format_duration
    from streams.indexes import innermost

    views = _find(store, query, limit)
    if as_json:
        return click.echo(_as_json(_describe(store, settings, views)))
    if not views:
        return click.echo("no workflows")
    now_ns = time.time_ns()
    rows = [
        (
            view.id,
            f"{view.snapshot.machine} {view.snapshot.version}" if view.snapshot.machine else "-",
            view.snapshot.status,
            ", ".join(innermost(view.snapshot.states)) or "-",
            f"{format_duration(now_ns - view.snapshot.updated_ns)} ago" if view.snapshot.updated_ns else "-",
            _tell_deadline(view, now_ns),
        )
        for view in views
    ]
    return click.echo(align(("ID", "MACHINE", "STATUS", "STATES", "CHANGED", "DEADLINE"), rows))


def _find(store: Store, query: "Query", limit: int) -> "list[WorkflowView]":
    from streams.query import find_page

    views: list[WorkflowView] = []
    partitions, cursor = store.partitions, None
    while partitions and len(views) < limit:
        page = find_page(
            store.client, store.keys, partitions, query, limit=limit - len(views), cursor=cursor, now_ms=_now_ms()
        )
        views += page.views
        cursor = page.next
        if cursor is None:
            break
    return views


def _show(store: Store, settings: Settings, workflow_id: str, run: int | None, events: bool, as_json: bool) -> None:
    from api.description import describe_record
    from streams.status import find_workflow, read_journal

    partitions = store.partitions
    view = find_workflow(store.client, store.keys, partitions, workflow_id) if partitions else None
    if view is None or partitions is None:
        raise NotFoundError("workflow", workflow_id, "no event of it was applied under this prefix, or it was removed")
    journal = None
    if events:
        journal = read_journal(store.client, store.keys, partitions, workflow_id, run)
    if run is not None and journal is None:
        raise NotFoundError("run", str(run), f"{workflow_id} has had {view.snapshot.run}, and ended ones are removed")
    described = _describe_now(store, settings, view) if run is None else _describe_former(settings, view.id, journal)
    records = journal[1] if journal else []
    if as_json:
        told = {"events": [msgspec.to_builtins(describe_record(*each)) for each in enumerate(records, 1)]}
        return click.echo(_as_json(described | told if events else described))
    for name, value in described.items():
        if name == "links":
            name, value = "grafana", value["grafana"]
        elif name == "trouble" and value is not None:
            value = f"{value['detail']} ({value['kind']}, since {value['since']})"
        elif isinstance(value, dict):
            value = ", ".join(f"{key} {'since ' if name == 'states' else ''}{held}" for key, held in value.items())
        elif isinstance(value, list):
            value = ", ".join(value)
        if value not in (None, "", 0):
            click.echo(f"{name.replace('_', ' '):<12}{value}")
    if events:
        click.echo()
        click.echo(align(("TIME", "EVENT", "RESULT", "EFFECT"), [_tell(record) for record in records]))
    return None


def _describe(store: Store, settings: Settings, views: "Sequence[WorkflowView]") -> "list[Workflow]":
    from api.description import describe_workflow
    from api.trace_ids import TraceIds

    traces = TraceIds(settings.namespace).find(store.client, store.keys, views)
    now_ms, link = _now_ms(), settings.trace_link
    return [describe_workflow(view, trace, now_ms, link) for view, trace in zip(views, traces, strict=True)]


def _describe_now(store: Store, settings: Settings, view: "WorkflowView") -> dict[str, Any]:
    from api.description import describe_workflow
    from api.views import MOST_CHILDREN
    from spans.own_trace import own_trace
    from streams.lookup import look_up

    found = look_up(store.client, store.keys, store.partitions or 0, view.id, MOST_CHILDREN)
    begun, children, trouble = (None, [], None) if found is None else (found.beginning, found.children, found.trouble)
    trace = None if begun is None else own_trace(settings.namespace, view.id, *begun)
    described = describe_workflow(view, trace, _now_ms(), settings.trace_link, children, trouble)
    told: dict[str, Any] = msgspec.to_builtins(described)
    return told


def _describe_former(settings: Settings, workflow_id: str, journal: "Journal | None") -> dict[str, Any]:
    from spans.own_trace import own_trace

    assert journal is not None
    header, records = journal
    return {
        "id": workflow_id,
        "machine": header.machine,
        "version": header.version,
        "run": header.run,
        "status": next((record.outcome for record in records if record.outcome), "running"),
        "trace_id": own_trace(settings.namespace, workflow_id, header, records[0]) if records else None,
    }


def _tell(record: "Record") -> tuple[str, str, str, str]:
    from machines.instants import format_instant

    marks = {"+": "entered ", "*": "reached ", "-": "left "}
    effect = record.reason or ", ".join(marks[step[0]] + step[1:] for step in record.steps) or "nothing changed"
    return format_instant(record.event.time_ns), record.event.type, record.result, effect


def _tell_deadline(view: "WorkflowView", now_ns: int) -> str:
    """The next deadline, from now."""
    from machines.durations import format_duration

    due_ns = min(view.snapshot.deadlines.values(), default=None)
    if due_ns is None:
        return "-"
    if due_ns <= now_ns:
        return f"overdue for {format_duration(now_ns - due_ns)}"
    return f"in {format_duration(due_ns - now_ns)}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _as_json(described: object) -> str:
    return json.dumps(msgspec.to_builtins(described), indent=2)


def _read_attribute(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--attr")
    return name, value
