"""The list of workflows at `/`: rendered by the server, kept up to date by static/list.js."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args
from urllib.parse import parse_qsl, urlencode
from weakref import WeakKeyDictionary

from starlette.responses import RedirectResponse, Response

from api.endpoint import Answer, Call, Endpoint, json_response
from api.filters import Filters, read_filters
from api.frame import render
from api.page_rows import BLANK, Row, describe_row
from api.parameters import read_query
from api.problems import Problem
from api.service import Service
from api.watch_tokens import positions_token
from machines.catalog import Catalog
from machines.main_path import main_path
from machines.snapshot import Status
from streams.client import Client
from streams.errors import CursorError
from streams.query import Page, Query, find_by_trace, find_page, fits
from streams.status import find_workflow

ROWS = 50
MOST_STATES = 200
_LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(?:\.\d+)?)?", re.ASCII)  # as a field of a form has it
STATUSES: tuple[str, ...] = get_args(Status)

Paths = Mapping[str, Sequence[str]]
_known_paths: "WeakKeyDictionary[Catalog, Paths]" = WeakKeyDictionary()


class ListQuery(Filters, frozen=True, kw_only=True):
    """What the list takes: what `GET /workflows` takes, and an id of a workflow or of its trace."""

    id: str | None = None
    cursor: str | None = None


class Found(NamedTuple):
    """The rows of a page, the cursor of the next, and from where on to watch for what changes after it was read."""

    rows: list[Row]
    next: str | None
    seen: str = ""


async def _show(call: Call) -> Response:
    pairs = parse_qsl(call.request.url.query, keep_blank_values=True)
    clean = clean_pairs(pairs)
    if clean != pairs:
        return RedirectResponse(f"/?{urlencode(clean)}" if clean else "/", 303)
    asked, found, problem = ListQuery(), Found([], None), None
    try:
        asked = read_query(ListQuery, urlencode(clean).encode())
        found = await _find(call.service, asked)
    except Problem as error:
        problem = error
    except CursorError as error:
        problem = Problem(400, "Wrong parameter", str(error))
    status = problem.status if problem else 200
    return render(call, "list.html", status=status, **_describe(call.service, asked, clean, found, problem))


def clean_pairs(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The query of an address that can be shared: no empty fields of a form, attributes as the API writes them, times
    with their zone, which is UTC."""
    clean = []
    for name, value in pairs:
        value = value.strip()
        if name == "attribute":
            clean += [
                (f"attr.{key}", text) for key, sign, text in (part.partition("=") for part in value.split()) if sign
            ]
        elif (local := _LOCAL_TIME.fullmatch(value)) and name in ("started_after", "started_before"):
            clean.append((name, f"{value}{'' if local[1] else ':00'}Z"))
        elif value:
            clean.append((name, value))
    return clean


async def _find(service: Service, asked: ListQuery) -> Found:
    query = read_filters(asked)
    partitions = await service.partitions()
    if not partitions:
        return Found([], None)
    now_ns = service.now_ns()
    page, seen = await service.reader.run(_read_page, service, partitions, query, asked, now_ns // 1_000_000)
    paths = known_paths(service.catalog)
    rows = [
        describe_row(view, paths.get(f"{view.snapshot.machine}@{view.snapshot.version}", ()), now_ns)
        for view in page.views
    ]
    return Found(rows, page.next, seen)


def _read_page(
    client: Client, service: Service, partitions: int, query: Query, asked: ListQuery, now_ms: int
) -> tuple[Page, str]:
    keys = service.keys
    seen = positions_token(client, keys, partitions)  # first: what changes while the page is read is told again
    if asked.id is None:
        return find_page(client, keys, partitions, query, limit=ROWS, cursor=asked.cursor, now_ms=now_ms), seen
    ids = [asked.id]
    if len(asked.id) == 32 and not asked.id.strip("0123456789abcdef"):
        found = sorted(find_by_trace(client, keys, partitions, asked.id), key=lambda run: (len(run[0]), run))
        ids += [workflow_id for workflow_id, _ in found[:ROWS]]  # a parent may have any number of children in its trace
    views = [find_workflow(client, keys, partitions, one) for one in dict.fromkeys(ids)]
    return Page([view for view in views if view is not None and fits(view, query, now_ms)], None), seen


def known_paths(catalog: Catalog) -> Paths:
    """The main path of every loaded machine, by `name@version`."""
    if catalog not in _known_paths:
        _known_paths[catalog] = {f"{machine.name}@{machine.version}": main_path(machine) for machine in catalog}
    return _known_paths[catalog]


def _describe(
    service: Service, asked: ListQuery, pairs: list[tuple[str, str]], found: Found, problem: Problem | None
) -> dict[str, Any]:
    """What the template wants to know."""
    filters = [(name, value) for name, value in pairs if name != "cursor"]
    watched = [(name, value) for name, value in filters if name != "id"]

    def address(**changes: str | None) -> str:
        kept = [(name, value) for name, value in filters if name not in changes]
        kept += [(name, value) for name, value in changes.items() if value is not None]
        return f"/?{urlencode(kept)}" if kept else "/"

    machines = sorted({machine.name for machine in service.catalog} | ({asked.machine} if asked.machine else set()))
    chosen = [machine for machine in service.catalog if asked.machine in (None, machine.name)]
    states = dict.fromkeys(path for machine in chosen for path in machine.chart.paths.values())
    return {
        "section": "workflows",
        "asked": asked,
        "attribute": " ".join(f"{name}={value}" for name, value in asked.attributes),
        "statuses": STATUSES,
        "machines": machines,
        "states": list(states)[:MOST_STATES],
        "filtered": bool(filters),
        "rows": found.rows,
        "seen": found.seen,
        "blank": BLANK,
        "problem": problem,
        "address": address,
        "older": address(cursor=found.next) if found.next else None,
        "watch": f"/watch?{urlencode(watched)}" if watched else "/watch",
    }


async def _show_paths(call: Call) -> Response:
    return json_response(known_paths(call.service.catalog), headers={"Cache-Control": "private, no-cache"})


ENDPOINTS = (
    Endpoint("GET", "/", "The live page.", _show, "read", (Answer(200, "The page."),), documented=False),
    Endpoint(
        "GET",
        "/ui/main-paths",
        "Main paths of machines.",
        _show_paths,
        "read",
        (Answer(200, "All."),),
        documented=False,
    ),
)
