"""What a machine says of families: when the children of a state are done, and what to do when the parent has ended."""

from collections.abc import Mapping

from machines.events import Event
from machines.machine import ChildrenRule, Machine
from machines.messages import (
    CHILDREN_DONE,
    PARENT_ENDED,
    ChildrenDone,
    decode_parent_ended,
    done_key,
    done_name,
    is_message,
    make_message,
)
from machines.snapshot import Children, Snapshot


def find_done(subject: str, machine: Machine, snapshot: Snapshot, time_ns: int) -> Event | None:
    """What a running workflow is to be told of the first rule that has come true and was not told in this visit.

    `time_ns` is that of the event by which it has; what comes true does so when the last child has ended, in whatever
    order the children were heard of. The snapshot says from then on that it was told.
    """
    children = snapshot.children
    time_ns = max(time_ns, children.latest_ns)
    for key, rule in machine.children.items():
        if key not in snapshot.states and key != machine.name:
            continue
        visit = (snapshot.visits or {}).get(key, 0)
        if snapshot.done.get(key) == visit or not _holds(rule, snapshot.attributes, children):
            continue
        snapshot.done[key] = visit
        counts = ChildrenDone(count_by_name(children))
        return make_message(CHILDREN_DONE, done_name(key, snapshot.run, visit), subject, time_ns, counts)
    return None


def concerns(machine: Machine, snapshot: Snapshot, event: Event) -> bool:
    """Whether a message is for the chart of a running workflow: of the parent that it has, where the machine asks.

    Of other messages nothing is kept.
    """
    place = snapshot.place
    if event.type != PARENT_ENDED or place is None:
        return False
    parent = decode_parent_ended(event.data or "").parent
    return (parent.id, parent.run) == (place.parent, place.run) and parent.outcome in machine.parent_ended


def chart_event(machine: Machine, event: Event) -> str | None:
    """The chart's event for an event; None for a message that this version of the machine has no word for."""
    if not is_message(event):
        return machine.chart_event(event.type)
    if event.type == CHILDREN_DONE:
        rule = machine.children.get(done_key(event.id))
        return None if rule is None else rule.send
    return machine.parent_ended.get(decode_parent_ended(event.data or "").parent.outcome)


def count_by_name(children: Children) -> Mapping[str, int]:
    """The counts as charts and readers see them."""
    names = ("started", "ok", "error", "timeout", "cancelled")
    return {name: getattr(children, name) for name in names}


def _holds(rule: ChildrenRule, attributes: Mapping[str, object], children: Children) -> bool:
    expected: int | None = None
    if rule.expected is not None:
        told = attributes.get(rule.expected)
        if isinstance(told, bool) or not isinstance(told, int):
            return False  # nobody has said yet how many there will be
        expected = told
    if rule.wait_for is None:
        return children.ended >= (children.started or 1) if expected is None else children.ended >= expected
    return children.ended >= (rule.wait_for if expected is None else min(rule.wait_for, expected))
