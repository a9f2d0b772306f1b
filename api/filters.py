"""Filters: which workflows are asked for, as `GET /workflows` and `GET /watch` take them."""

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from api.parameters import PREFIX
from api.problems import wrong_parameter
from machines.instants import parse_instant
from machines.snapshot import Status
from streams.query import Query

_TIME = {"format": "date-time"}
_LOST_PLUS = re.compile(r" (\d\d:\d\d)$")  # a plus in a query is a blank
_TIME = {"format": "date-time"}


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which workflows; all that is given must hold."""

    machine: Annotated[str, Meta(description="The machine's name.")] | None = None
    status: Annotated[Status, Meta(description="How it stands.")] | None = None
    state: Annotated[str, Meta(description="The path of an active state, or of one that encloses it.")] | None = None
    attributes: Annotated[
        tuple[tuple[str, str], ...],
        Meta(
            description="`attr.<name>=<value>`: an attribute, as text; anything but text as JSON. Repeatable.",
            extra={PREFIX: "attr."},
        ),
    ] = ()
    parent: Annotated[str, Meta(description="The id of the workflow that they are part of.")] | None = None
    started_after: (
        Annotated[str, Meta(description="RFC 3339: started then or later.", extra_json_schema=_TIME)] | None
    ) = None
    started_before: Annotated[str, Meta(description="RFC 3339: started before.", extra_json_schema=_TIME)] | None = None
    overdue: Annotated[bool, Meta(description="With a deadline that is due and has not been applied.")] = False


def read_filters(filters: Filters) -> Query:
    """What is asked for. Raises Problem 400 for a time that is none."""
    return Query(
        machine=filters.machine,
        status=filters.status,
        state=filters.state,
        attributes=filters.attributes,
        parent=filters.parent,
        started_after_ns=_read_time("started_after", filters.started_after),
        started_before_ns=_read_time("started_before", filters.started_before),
        overdue=filters.overdue,
    )


def _read_time(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_instant(_LOST_PLUS.sub(r"+\1", text))
    except ValueError as error:
        raise wrong_parameter(name, f"is wrong: {error}") from None
