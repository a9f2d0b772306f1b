"""The page of one workflow: its waterfall, its journal and its chart, rendered by the server and kept up to date by
static/workflow.js, which asks for the same parts again when something has happened."""

import json
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Meta
from starlette.responses import Response

from api.diagram import draw_chart
from api.endpoint import Answer, Call, Endpoint
from api.frame import render, templates
from api.problems import Problem
from api.run_view import RunView, read_run_view
from api.service import Service
from machines.durations import format_duration
from machines.instants import parse_instant
from streams.client import Client

WIDEST_PX = 760.0
_LONGEST_DATA = 20_000


class PageQuery(msgspec.Struct, frozen=True):
    """Which run, by default the last; and before which event of its journal."""

    run: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    before: Annotated[int, Meta(ge=2, le=2**53)] | None = None


async def _show(call: Call) -> Response:
    try:
        view, parts = await _read(call)
    except Problem as problem:
        if problem.status != 404:
            raise
        return render(call, "missing.html", status=404, section="workflows", problem=problem)
    machine = call.service.catalog.get(view.machine, view.version)
    chart = await call.service.reader.run(lambda _: draw_chart(machine, view.lit, WIDEST_PX))
    return render(
        call,
        "workflow.html",
        section="workflows",
        view=view,
        parts=parts,
        chart=chart,
        watch=view.workflow.links.watch if view.workflow.links and view.is_last else "",
        refresh=f"/ui/workflows/{quote(view.workflow.id, safe='')}/parts{_asked(call.query)}",
    )


async def _show_parts(call: Call) -> Response:
    _, parts = await _read(call)
    return Response(parts, 200, {"Cache-Control": "no-store"}, "text/html")


async def _read(call: Call) -> tuple[RunView, str]:
    service = call.service
    return await service.reader.run(
        _render, service, await service.partitions(), call.path["id"], call.query.run, call.query.before
    )


def _render(
    client: Client, service: Service, partitions: int, workflow_id: str, run: int | None, before: int | None
) -> tuple[RunView, str]:
    """In the reader's thread: hundreds of rows would hold up the loop."""
    view = read_run_view(client, service, partitions, workflow_id, run, before)
    text = (
        templates()
        .get_template("workflow_parts.html")
        .render(view=view, own=f"/ui/workflows/{quote(view.workflow.id, safe='')}", page=_workflow_page, **_tell(view))
    )
    return view, text


def _tell(view: RunView) -> dict[str, Any]:
    now_ms = view.now_ns // 1_000_000
    deadlines = []
    for key, due in sorted(view.workflow.deadlines.items(), key=lambda item: item[1]) if view.is_last else ():
        due_ns = parse_instant(due)
        late = key in view.workflow.overdue
        length = (
            format_duration(abs(view.now_ns - due_ns) // 10**9 * 10**9) if abs(view.now_ns - due_ns) >= 10**9 else "0s"
        )
        deadlines.append((key, due, due_ns // 1_000_000, late, f"{length} overdue" if late else f"in {length}"))
    took_ms = (view.ended_ms or now_ms) - view.started_ms if view.started_ms else 0
    return {
        "now_ms": now_ms,
        "deadlines": deadlines,
        "took": format_duration(took_ms * 1_000_000) if view.ended_ms else _seconds(took_ms * 1_000_000),
        "show_data": _show_data,
        "lights": json.dumps(view.lit),
    }


def _seconds(length_ns: int) -> str:
    """A length of time that ticks, as static/clock.js writes it."""
    return format_duration(length_ns // 10**9 * 10**9) if length_ns >= 10**9 else "0s"


def _workflow_page(workflow_id: str) -> str:
    return f"/ui/workflows/{quote(workflow_id, safe='')}"


def _show_data(data: dict[str, Any]) -> str:
    text = json.dumps(data, indent=2, ensure_ascii=False)
    return text if len(text) <= _LONGEST_DATA else f"{text[:_LONGEST_DATA]}\n… {len(text):,} characters in all"


def _asked(query: PageQuery) -> str:
    asked = {name: value for name in ("run", "before") if (value := getattr(query, name)) is not None}
    return f"?{urlencode(asked)}" if asked else ""


_PAGE = Answer(200, "The page.", media="text/html")

ENDPOINTS = (
    Endpoint("GET", "/ui/workflows/{id}", "A workflow.", _show, "read", (_PAGE,), query=PageQuery, documented=False),
    Endpoint(
        "GET",
        "/ui/workflows/{id}/parts",
        "What changes of that page.",
        _show_parts,
        "read",
        (_PAGE,),
        query=PageQuery,
        documented=False,
    ),
)
