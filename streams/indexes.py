"""The indexes of a partition: where workflows are found by status, state, attribute, parent and trace.

Sorted sets of the partition, named by their kind:
`listed:<status>:<machine>` holds ids by start (ms), `in:<machine>:<path>` ids by entry (ms) of the open runs whose
innermost active state that is; `attr:<name>` and `children` hold text, start and id in each member, and have no scores.
"""

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache

import msgspec

from machines.snapshot import Snapshot

VALUE_LIMIT = 256  # characters of an attribute that are indexed; a query looks at the whole of it
LIST_LIMIT = 16  # elements of a list that are indexed
CHILDREN = b"children"
START_BYTES = 7

_EARLIEST_MS = -(2**46)  # before the year 1: starts are kept as distances from it, which sort as bytes
_NANOSECONDS = 1_000_000

Entry = tuple[bytes, bytes]  # name of the index within the partition, member


class Facts(msgspec.Struct, frozen=True, gc=False):
    """What the indexes say of a workflow beside its states: of most events only those change."""

    machine: str
    status: str
    started_ns: int
    attributes: dict[str, object]
    parent: str | None


class Listing(msgspec.Struct, frozen=True, gc=False):
    """What the indexes say of a workflow. `states` are the innermost active ones by path, with the time of entry."""

    facts: Facts
    states: dict[str, int]


def list_as(snapshot: Snapshot) -> Listing | None:
    """What the indexes are to say of a workflow; None where it is not to be found."""
    if not (snapshot.run or snapshot.waiting):
        return None
    facts = Facts(snapshot.machine, snapshot.status, snapshot.started_ns, snapshot.attributes, snapshot.parent)
    return Listing(facts, innermost(snapshot.states).copy() if snapshot.status == "running" else {})


def innermost(states: dict[str, int]) -> dict[str, int]:
    """Of active states by path those with no active state inside them."""
    if len(states) < 2:
        return states
    outer = {path[:place] for path in states for place in _dots(path)}
    return {path: entered_ns for path, entered_ns in states.items() if path not in outer}


def differences(
    workflow_id: str, before: Listing | None, after: Listing | None
) -> tuple[Collection[Entry], Mapping[Entry, int]]:
    """The entries to take away, and those to put in or move, with their scores."""
    member = workflow_id.encode()
    if before is not None and after is not None and before.facts == after.facts:
        machine, was, now = after.facts.machine, before.states, after.states
        left = [(_state_index(machine, path), member) for path in was if path not in now]
        return left, {
            (_state_index(machine, path), member): entered_ns // _NANOSECONDS
            for path, entered_ns in now.items()
            if was.get(path) != entered_ns
        }
    old, new = dict(_entries(member, before)), dict(_entries(member, after))
    gone = [entry for entry in old if entry not in new]
    return gone, {entry: score for entry, score in new.items() if old.get(entry) != score}


def attribute_texts(value: object) -> list[str]:
    """An attribute as texts: text as it is, anything else as JSON, a list by each element."""
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for element in value for text in attribute_texts(element)]
    return [msgspec.json.encode(value).decode()]


def searched_texts(value: object) -> list[str]:
    """The texts by which workflows with an attribute are found: of a list its first LIST_LIMIT elements."""
    return attribute_texts(value)[:LIST_LIMIT]


def spell(text: str, started_ms: int | None = None) -> bytes:
    """How members of an index without scores begin: with a text, and a start where one is given."""
    begin = text[:VALUE_LIMIT].replace("\0", " ").encode(errors="replace") + b"\0"
    return begin if started_ms is None else begin + (started_ms - _EARLIEST_MS).to_bytes(START_BYTES)


def read_start(spelled: bytes) -> int:
    """The start (ms) in the bytes of a member behind its text."""
    return int.from_bytes(spelled[:START_BYTES]) + _EARLIEST_MS


def _dots(path: str) -> Iterator[int]:
    place = path.find(".")
    while place >= 0:
        yield place
        place = path.find(".", place + 1)


@lru_cache(1_000)
def _state_index(machine: str, path: str) -> bytes:
    return f"in:{machine}:{path}".encode()


def _entries(member: bytes, listing: Listing | None) -> Iterator[tuple[Entry, int]]:
    if listing is None:
        return
    facts = listing.facts
    started_ms = facts.started_ns // _NANOSECONDS
    yield (f"listed:{facts.status}:{facts.machine}".encode(), member), started_ms
    for path, entered_ns in listing.states.items():
        yield (_state_index(facts.machine, path), member), entered_ns // _NANOSECONDS
    if facts.parent is not None:
        yield (CHILDREN, spell(facts.parent, started_ms) + member), 0
    for name, value in facts.attributes.items():
        for text in searched_texts(value):
            yield (f"attr:{name}".encode(), spell(text, started_ms) + member), 0
