"""The journal of a workflow, page by page: what was applied, rejected and late, with the reasons."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from api.description import JournalEvent, describe_record
from api.endpoint import Answer, Call, Endpoint, json_response, problem_answer
from api.links import workflow_path
from api.problems import not_found
from api.responses import next_link
from api.service import Service
from api.workflows import PageLinks, no_workflow
from streams.client import Client
from streams.journal_pages import read_journal_page
from streams.status import find_workflow

LONGEST_PAGE = 1_000


class JournalPaging(msgspec.Struct, frozen=True, kw_only=True):
    """What `GET /workflows/{id}/events` takes."""

    run: Annotated[int, Meta(ge=1, le=2**53, description="Which run; the last one where it is left out.")] | None = None
    after: Annotated[int, Meta(ge=0, le=2**53, description="The index behind which to begin.")] = 0
    limit: Annotated[int, Meta(ge=1, le=LONGEST_PAGE, description="How many at most; a page may be short.")] = 100


class Journal(msgspec.Struct, frozen=True):
    """A page of the journal of one run. `total` is how many events it has in all, `next` the `after` of the next page,
    null at the end."""

    workflow: str
    run: int
    machine: str | None
    version: int | None
    total: int
    events: list[JournalEvent]
    next: int | None
    links: PageLinks


async def _list(call: Call) -> Response:
    return await call.service.reader.run(_tell, call, await call.service.partitions())


def _tell(client: Client, call: Call, partitions: int) -> Response:
    """In the reader's thread also encode: a page may hold some megabytes of data."""
    service, paging, workflow_id = call.service, call.query, call.path["id"]
    watched = f"{workflow_path(workflow_id)}/watch"
    run = paging.run or _last_run(client, service, partitions, workflow_id)
    if not run:
        return json_response(Journal(workflow_id, 0, None, None, 0, [], None, PageLinks(None, watched)))
    page = (
        read_journal_page(client, service.keys, partitions, workflow_id, run, after=paging.after, limit=paging.limit)
        if partitions
        else None
    )
    if page is None:
        raise not_found("run", str(run), f"workflow {workflow_id!r} has no such one, or it ended long ago")
    events = [describe_record(index, record) for index, record in enumerate(page.records, paging.after + 1)]
    last = paging.after + len(events)
    following = last if events and last < page.total else None
    link = next_link(call.request, following, "after") if following is not None else None
    links = PageLinks(link, f"{watched}?last_event_id={run}.{last}")
    header = page.header
    return json_response(
        Journal(workflow_id, run, header.machine, header.version, page.total, events, following, links)
    )


def _last_run(client: Client, service: Service, partitions: int, workflow_id: str) -> int:
    """0 where none has begun yet. Raises Problem 404."""
    view = find_workflow(client, service.keys, partitions, workflow_id) if partitions else None
    if view is None:
        raise no_workflow(workflow_id)
    return view.snapshot.run


ENDPOINTS = (
    Endpoint(
        "GET",
        "/workflows/{id}/events",
        "The journal of a run: every event, applied, rejected or late, in order.",
        _list,
        "read",
        (
            Answer(200, "A page of the journal.", Journal),
            problem_answer(404, "There is no such workflow or run."),
        ),
        query=JournalPaging,
    ),
)
