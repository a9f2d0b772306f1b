"""Messages: what passes between a workflow and its children, as events that only Longspan makes.

Each is committed with what caused it, moved once to its target's partition, and folded there like any event.
"""

from collections.abc import Mapping

import msgspec

from machines.events import Event
from machines.journal import Outcome
from machines.place import Place

SOURCE = "longspan"
MESSAGE_POSITION = "message:"  # a position that no ingress entry can have, so that nobody can forge a message
CHILD_STARTED = "longspan.child.started"  # to the parent: a child asks where it stands
PARENT_JOINED = "longspan.parent.joined"  # the answer
CHILD_ENDED = "longspan.child.ended"  # to the parent
CHILD_RELEASED = "longspan.child.released"  # to a child that ended: the parent does not send its spans
PARENT_ENDED = "longspan.parent.ended"  # to all open children
CHILDREN_DONE = "longspan.children.done"  # to itself, at once: what the rule of a state waits for has come true


class ChildStarted(msgspec.Struct, frozen=True, gc=False):
    """The data of `longspan.child.started`: the child and its run."""

    id: str
    machine: str
    run: int


class ParentJoined(msgspec.Struct, frozen=True, gc=False):
    """The data of `longspan.parent.joined`: where the child's run stands."""

    run: int
    place: Place


class ChildEnded(msgspec.Struct, frozen=True, gc=False):
    """The data of `longspan.child.ended`.

    `parent_run`, `state` and `visit` say where in the parent the child stands; `parent_run` is 0 where the parent had
    not answered. `ended_ns` is event time. `spans` and `bytes` say how many spans it has and how large its journal is,
    those of its own carried children included. `carried`: the parent is to send its spans, of `entries` journal
    entries. `apart`: they are in a trace of their own.
    """

    id: str
    machine: str
    run: int
    outcome: Outcome
    parent_run: int
    state: str
    visit: int
    ended_ns: int
    entries: int
    spans: int
    bytes: int
    carried: bool = False
    apart: bool = False


class ChildReleased(msgspec.Struct, frozen=True, gc=False):
    """The data of `longspan.child.released`: the child's run, and how many entries its journal had at its end."""

    run: int
    entries: int


class Ended(msgspec.Struct, frozen=True, gc=False):
    """The run of a parent that has ended."""

    id: str
    machine: str
    run: int
    outcome: Outcome
    reason: str | None = None


class ParentEnded(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The data of `longspan.parent.ended`; `error` explains a failure to the children's charts."""

    parent: Ended
    error: str | None = None


class ChildrenDone(msgspec.Struct, frozen=True, gc=False):
    """The data of `longspan.children.done`: how many have started, and how many of them ended by outcome."""

    children: Mapping[str, int]


decode_started = msgspec.json.Decoder(ChildStarted).decode
decode_joined = msgspec.json.Decoder(ParentJoined).decode
decode_ended = msgspec.json.Decoder(ChildEnded).decode
decode_released = msgspec.json.Decoder(ChildReleased).decode
decode_parent_ended = msgspec.json.Decoder(ParentEnded).decode
_encode = msgspec.json.Encoder().encode


def is_message(event: Event) -> bool:
    """Whether the event is a message of Longspan's own."""
    return event.source == SOURCE and event.position.startswith(MESSAGE_POSITION)


def is_of_child(event: Event) -> bool:
    """Whether the event says only that a child has started or ended, which is nothing to the chart."""
    return event.type in (CHILD_STARTED, CHILD_ENDED) and is_message(event)


def is_broadcast(event: Event) -> bool:
    """Whether the event is for all children of a workflow; such a message names no subject until it is delivered."""
    return not event.subject


def make_message(event_type: str, name: str, subject: str, time_ns: int, data: msgspec.Struct) -> Event:
    """A message. `name` is its id, and that of no other message to the same workflow."""
    text = _encode(data).decode()
    return Event(name, SOURCE, event_type, subject, None, time_ns, text, MESSAGE_POSITION)


def deliver(event: Event, position: str, subject: str | None = None) -> Event:
    """A message as it comes out of the stream of its sender at `position`; one of a broadcast gets its `subject`."""
    return msgspec.structs.replace(event, subject=subject or event.subject, position=MESSAGE_POSITION + position)


def done_name(key: str, run: int, visit: int) -> str:
    """The id of the message that says that the rule of a state, or of the machine, has come true in a visit."""
    return f"children.done:{run}.{visit}:{key}"


def done_key(name: str) -> str:
    """The key of the rule in such an id."""
    return name.removeprefix("children.done:").partition(":")[2]
