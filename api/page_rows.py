"""Rows of the live page's list: a workflow in a line, as static/rows.js writes it too when it changes."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

from machines.durations import format_duration
from machines.instants import format_instant
from streams.indexes import attribute_texts, innermost
from streams.status import WorkflowView

_MS = 1_000_000
_SECOND = 10**9
MOST_ATTRIBUTES = 6
LONGEST_TEXT = 60


class Moment(NamedTuple):
    """An instant: `ms` since the epoch, RFC 3339, and short for a cell of a table."""

    ms: int
    full: str
    short: str


class Row(NamedTuple):
    """What a row shows. `leaves` are the innermost active states, each as the path around it and its own id, the one
    entered last first. `step` of `steps` is how far along the machine's main path it is, None where it is not on it.
    `due` is the next deadline."""

    id: str
    href: str
    status: str
    reason: str
    machine: str
    version: int
    leaves: tuple[tuple[str, str], ...]
    since: Moment | None
    in_state: str
    step: int | None
    steps: int
    due: Moment | None
    due_text: str
    late: bool
    attributes: tuple[tuple[str, str], ...]
    started: Moment | None
    ended_ms: int | None
    took: str


# What static/rows.js fills for a workflow that was not on the page.
BLANK = Row("", "", "", "", "", 0, (), None, "", None, 0, None, "", False, (), None, None, "")


def describe_row(view: WorkflowView, path: Sequence[str], now_ns: int) -> Row:
    """The row of a workflow at a time; `path` is the main path of its machine, empty where that is not known."""
    snapshot = view.snapshot
    leaves = find_leaves(snapshot.states)
    since_ns = snapshot.states[leaves[0]] if leaves else 0
    due_ns = min(snapshot.deadlines.values(), default=0)
    late = bool(due_ns) and due_ns // _MS <= now_ns // _MS
    end_ns = snapshot.ended_ns or now_ns
    return Row(
        id=view.id,
        href=f"/ui/workflows/{quote(view.id, safe='')}",
        status=snapshot.status,
        reason=snapshot.reason or "",
        machine=snapshot.machine,
        version=snapshot.version,
        leaves=tuple((leaf[: leaf.rfind(".") + 1], leaf[leaf.rfind(".") + 1 :]) for leaf in leaves),
        since=_moment(since_ns),
        in_state=_length(now_ns - since_ns) if since_ns else "",
        step=find_step(path, leaves, snapshot.status),
        steps=len(path),
        due=_moment(due_ns),
        due_text=f"{_length(now_ns - due_ns)} overdue" if late else f"in {_length(due_ns - now_ns)}" if due_ns else "",
        late=late,
        attributes=_attributes(snapshot.attributes),
        started=_moment(snapshot.started_ns),
        ended_ms=snapshot.ended_ns // _MS if snapshot.ended_ns else None,
        took=_length(end_ns - snapshot.started_ns) if snapshot.started_ns else "",
    )


def find_leaves(states: dict[str, int]) -> list[str]:
    """The paths of the innermost active states, the one entered last first."""
    return sorted(innermost(states), key=lambda leaf: -states[leaf])


def find_step(path: Sequence[str], leaves: Sequence[str], status: str) -> int | None:
    """How many states of the main path are behind a workflow; None where it is not on it, or has ended otherwise."""
    if status == "ok" and path:
        return len(path)
    places = [
        index
        for index, station in enumerate(path)
        if any(leaf == station or leaf.startswith(f"{station}.") for leaf in leaves)
    ]
    return max(places, default=None)


def _attributes(attributes: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    told = [(name, _clip(", ".join(attribute_texts(value)))) for name, value in attributes.items() if value is not None]
    return tuple(told[:MOST_ATTRIBUTES])


def _clip(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


def _length(length_ns: int) -> str:
    """In whole seconds."""
    return format_duration(length_ns // _SECOND * _SECOND) if length_ns >= _SECOND else "0s"


def _moment(instant_ns: int) -> Moment | None:
    if not instant_ns:
        return None
    full = format_instant(instant_ns)
    return Moment(instant_ns // _MS, full, f"{full[5:10]} {full[11:19]}")
