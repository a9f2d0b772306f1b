"""A run and its children: what a parent makes of their messages, and what either says when it ends."""

import msgspec

from machines.changes import Limits
from machines.durations import format_duration
from machines.events import Event
from machines.journal import Outcome, Record
from machines.messages import (
    CHILD_ENDED,
    CHILD_RELEASED,
    CHILD_STARTED,
    PARENT_ENDED,
    PARENT_JOINED,
    ChildEnded,
    ChildReleased,
    ChildStarted,
    Ended,
    ParentEnded,
    ParentJoined,
    decode_ended,
    decode_started,
    make_message,
)
from machines.place import Place, Top
from machines.run import note_late
from machines.snapshot import Children, Snapshot


def ask_parent(event: Event, machine: str, run: int) -> Event:
    """The message with which a starting event that has a parent asks it where the run stands."""
    child = ChildStarted(event.subject, machine, run)
    return make_message(CHILD_STARTED, f"child.started:{run}:{event.subject}", event.parent or "", event.time_ns, child)


def stand_alone(parent: str, apart: str) -> Place:
    """The place of a run whose parent has not answered, and why it has a trace of its own."""
    return Place(parent, "", 0, "", 0, 1, 0, Top("", parent, 0), apart)


def waited_in_vain(parent: str, limits: Limits) -> str:
    """Why a child begins without its parent."""
    return f"{parent} did not answer within {format_duration(limits.parent_wait_ms * 1_000_000)} (LONGSPAN_PARENT_WAIT)"


def hear_child(subject: str, snapshot: Snapshot, event: Event, limits: Limits) -> tuple[Record, list[Event]]:
    """Take in that a child has started or ended: the record, and the messages that it leads to."""
    if event.type == CHILD_STARTED:
        return _hear_started(subject, snapshot, event, limits)
    ended = decode_ended(event.data or "")
    released = release(event) if ended.carried else []
    if snapshot.ended:
        return note_late(snapshot, event), released
    if ended.parent_run not in (0, snapshot.run):
        record = msgspec.structs.replace(note_late(snapshot, event), reason=f"run {ended.parent_run} had ended")
        return record, released
    snapshot.children = count_child(snapshot.children, event, None)
    if ended.carried:
        snapshot.pending_spans += ended.spans
        snapshot.pending_bytes += ended.bytes
    return _note(snapshot, event, None), []


def count_child(children: Children, event: Event, apart: str | None) -> Children:
    """The counts with one more child that has started (`apart` where it has a trace of its own) or ended."""
    replace = msgspec.structs.replace
    if event.type == CHILD_STARTED:
        return replace(children, started=children.started + 1, apart=children.apart + (apart is not None))
    ended = decode_ended(event.data or "")
    counted = replace(
        children,
        **{ended.outcome: getattr(children, ended.outcome) + 1},
        latest_ns=max(children.latest_ns, ended.ended_ns),
    )
    # One whose start was never heard of has started all the same.
    return replace(counted, started=max(counted.started, counted.ended))


def release(event: Event) -> list[Event]:
    """The answer to a child that has ended, where its parent does not send its spans."""
    ended = decode_ended(event.data or "")
    name = f"child.released:{ended.run}"
    released = ChildReleased(ended.run, ended.entries)
    return [make_message(CHILD_RELEASED, name, ended.id, event.time_ns, released)]


def answer_unheard(event: Event, why: str) -> list[Event]:
    """What a message leads to that cannot wait any longer for its workflow to begin, or go on: nobody is left waiting.

    `why` says it to a child that has not begun.
    """
    if event.type == CHILD_STARTED:
        started = decode_started(event.data or "")
        return [_join(started, stand_alone(event.subject, why), event.time_ns)]
    if event.type == CHILD_ENDED and decode_ended(event.data or "").carried:
        return release(event)
    return []


def is_carried(snapshot: Snapshot) -> bool:
    """Whether the spans of a run that ends now are sent by its parent."""
    place = snapshot.place
    return place is not None and place.apart is None and not snapshot.progressive and not snapshot.in_parts


def take_leave(subject: str, snapshot: Snapshot, outcome: Outcome) -> list[Event]:
    """What a run says when it ends: to its parent, and to those of its children that have not ended."""
    place, children, ended_ns = snapshot.place, snapshot.children, snapshot.ended_ns or 0
    messages = []
    if place is not None:
        ended = ChildEnded(
            subject,
            snapshot.machine,
            snapshot.run,
            outcome,
            place.run,
            place.state,
            place.visit,
            ended_ns,
            snapshot.entries,
            snapshot.pending_spans + 1,  # the workflow span
            snapshot.pending_bytes,
            is_carried(snapshot),
            place.apart is not None,
        )
        name = f"child.ended:{snapshot.run}:{subject}"
        messages.append(make_message(CHILD_ENDED, name, place.parent, ended_ns, ended))
    if children.started > children.ended:
        parent = Ended(subject, snapshot.machine, snapshot.run, outcome, snapshot.reason)
        error = f"{subject} ended with {outcome}" + (f": {snapshot.reason}" if snapshot.reason else "")
        told = ParentEnded(parent, error if outcome in ("error", "timeout") else None)
        messages.append(make_message(PARENT_ENDED, f"parent.ended:{snapshot.run}:{subject}", "", ended_ns, told))
    return messages


def _hear_started(subject: str, snapshot: Snapshot, event: Event, limits: Limits) -> tuple[Record, list[Event]]:
    started = decode_started(event.data or "")
    children, over = snapshot.children, snapshot.ended_ns is not None
    place, apart = _place(subject, snapshot, outermost=over), None
    if snapshot.ended_ns is not None and event.time_ns > snapshot.ended_ns:  # else it is only told late
        apart = f"{subject} had ended with {snapshot.status}"
    elif children.started - children.apart >= limits.children:
        apart = f"{subject} has {limits.children} children in its trace, the most by LONGSPAN_CHILDREN_LIMIT"
    elif place.depth > limits.depth:
        apart = f"it is {place.depth} levels below {place.top.id}, more than LONGSPAN_CHILDREN_DEPTH, {limits.depth}"
    if apart is not None:
        place = msgspec.structs.replace(place, apart=apart)
    answer = [_join(started, place, event.time_ns)]
    if over:
        return note_late(snapshot, event), answer
    snapshot.children = count_child(children, event, apart)
    return _note(snapshot, event, apart), answer


def _note(snapshot: Snapshot, event: Event, reason: str | None) -> Record:
    snapshot.entries += 1
    snapshot.updated_ns = event.time_ns
    return Record(event, "applied", [], reason)


def _join(started: ChildStarted, place: Place, time_ns: int) -> Event:
    name = f"parent.joined:{started.run}:{place.parent}"
    return make_message(PARENT_JOINED, name, started.id, time_ns, ParentJoined(started.run, place))


def _place(subject: str, snapshot: Snapshot, *, outermost: bool) -> Place:
    """Where a child stands that this run hears of now."""
    above, visits = snapshot.place, snapshot.visits
    joined = above is not None and above.apart is None
    state = "" if outermost or visits is None else _latest_innermost(snapshot.states)
    top = Top(snapshot.machine, subject, snapshot.run, *(snapshot.caller or (None, None)))
    depth = 1
    if joined:
        assert above is not None, "it is joined"
        top, depth = above.top, above.depth + 1
    visit = visits.get(state, 0) if visits else 0
    return Place(subject, snapshot.machine, snapshot.run, state, visit, depth, _begin_ns(snapshot, state, joined), top)


def _latest_innermost(states: dict[str, int]) -> str:
    """Of the active states without another one inside, the one that was entered last."""
    for path in reversed(states):
        if not any(other.startswith(path + ".") for other in states):
            return path
    return ""


def _begin_ns(snapshot: Snapshot, state: str, joined: bool) -> int:
    """When the span of an active state begins: no earlier than what is around it."""
    begin_ns = snapshot.started_ns
    if joined and snapshot.place is not None:
        begin_ns = max(begin_ns, snapshot.place.not_before_ns)
    steps = state.split(".") if state else []
    for count in range(1, len(steps) + 1):
        entered_ns = snapshot.states.get(".".join(steps[:count]))
        if entered_ns is not None:
            begin_ns = max(begin_ns, entered_ns)
    return begin_ns
