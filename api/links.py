"""Links: where the API has more of a workflow, and where its trace is seen."""

from collections.abc import Sequence
from urllib.parse import quote

import msgspec


class WorkflowLinks(msgspec.Struct, frozen=True, rename={"own": "self"}):
    """Where more is to be had of a workflow: paths of this API, `page` for people. `grafana` is a whole URL. `children`
    are as in the workflow, `all_children` is a page of all of them; null where there are none."""

    own: str
    page: str
    events: str
    trace: str
    watch: str
    machine: str | None
    parent: str | None
    children: list[str] | None
    all_children: str | None
    grafana: str | None


def workflow_path(workflow_id: str) -> str:
    """The path of a workflow: whatever its id holds is one segment."""
    return f"/workflows/{quote(workflow_id, safe='')}"


def workflow_links(
    workflow_id: str,
    machine: str,
    parent: str | None,
    children: Sequence[str] | None,
    trace_id: str | None,
    trace_link: str | None,
    *,
    has_children: bool = False,
) -> WorkflowLinks:
    """The links of a workflow. `trace_link` is a URL with `{trace_id}` in it; `machine` may be empty."""
    own = workflow_path(workflow_id)
    return WorkflowLinks(
        own=own,
        page=f"/ui{own}",
        events=f"{own}/events",
        trace=f"{own}/trace",
        watch=f"{own}/watch",
        machine=f"/machines/{quote(machine, safe='')}" if machine else None,
        parent=workflow_path(parent) if parent is not None else None,
        children=None if children is None else [workflow_path(child) for child in children],
        all_children=f"/workflows?parent={quote(workflow_id, safe='')}" if has_children or children else None,
        grafana=trace_link.replace("{trace_id}", trace_id) if trace_link and trace_id else None,
    )
