"""Workflows within workflows, as their journals hold them: written by hand, and generated ones."""

from typing import NamedTuple

from hypothesis import strategies as st
from msgspec.structs import replace

from machines.journal import Header, Outcome, Record
from machines.messages import CHILD_ENDED, CHILD_STARTED, ChildEnded, ChildStarted, deliver, make_message
from machines.place import Place, Top
from spans.plan import plan
from spans.trace_state import open_spans
from tests.spans.journals import START_NS, header, journals, record

NAMESPACE = "default"
APART = "the parent has 1 children in its trace, the most by LONGSPAN_CHILDREN_LIMIT"


class Kin(NamedTuple):
    """A run of a family."""

    name: str
    head: Header
    records: list[Record]
    children: "list[Kin]"

    @property
    def everyone(self) -> "list[Kin]":
        """The run and all below it."""
        return [self, *(kin for child in self.children for kin in child.everyone)]


def place_in(name: str, head: Header, records: list[Record], top: Top | None = None, apart: str | None = None) -> Place:
    """Where a child stands of which a run hears behind these records."""
    state = plan(NAMESPACE, name, head, records).state
    span = open_spans(state)[-1]
    mine = state.place
    joined = mine is not None and mine.apart is None
    first = records[0].event
    caller = (first.traceparent, first.tracestate) if head.trace == "continue" else (None, None)
    if top is None:
        top = mine.top if mine is not None and joined else Top(head.machine, name, head.run, *caller)
    return Place(name, head.machine, head.run, span.path, span.visit, 1, span.start_ns, top, apart)


def placed(records: list[Record], place: Place) -> list[Record]:
    """A run's records, that began at this place."""
    first = records[0]
    return [replace(first, event=replace(first.event, parent=place.parent, place=place)), *records[1:]]


def told_start(name: str, head: Header, parent: str, *, at_ns: int, apart: str | None = None) -> Record:
    """What the parent's journal holds of a child's start."""
    said = ChildStarted(name, head.machine, head.run)
    message = make_message(CHILD_STARTED, f"child.started:{head.run}:{name}", parent, at_ns, said)
    return Record(deliver(message, "0:1-1"), "applied", [], apart)


def told_end(child: Kin, place: Place, *, carried: bool) -> Record:
    """What the parent's journal holds of a child's end."""
    last = child.records[-1]
    outcome: Outcome = last.outcome or "ok"
    said = ChildEnded(
        child.name,
        child.head.machine,
        child.head.run,
        outcome,
        place.run,
        place.state,
        place.visit,
        last.event.time_ns,
        len(child.records) + 1,
        len(plan(NAMESPACE, child.name, child.head, child.records).spans),
        1_000,
        carried,
        place.apart is not None,
    )
    message = make_message(CHILD_ENDED, f"child.ended:{child.head.run}:{child.name}", place.parent, said.ended_ns, said)
    return Record(deliver(message, "0:1-2"), "applied")


def shard(name: str, place: Place, *, at: float = 1, end: float = 2, machine: str = "shard") -> Kin:
    """A child of two spans that has ended."""
    records = [record("began", "+work", at=at), record("done", "-work", "*ok", at=end, outcome="ok")]
    return Kin(name, header(machine), placed(records, place), [])


def fan_out(count: int, *, name: str = "o-1", carried: bool = True, end: float = 10) -> Kin:
    """A parent whose state `split` is entered, and within it so many children that have ended before it is left."""
    head = header()
    records = [record("placed", "+split", at=0)]
    place = place_in(name, head, records)
    children = [shard(f"{name}.{number}", place) for number in range(count)]
    records += [told_start(child.name, child.head, name, at_ns=START_NS) for child in children]
    records += [told_end(child, place, carried=carried) for child in children]
    records += [record("joined", "-split", "*completed", at=end, outcome="ok")]
    return Kin(name, head, records, children)


@st.composite
def families(draw: st.DrawFn, name: str = "o-1", depth: int = 2, place: Place | None = None) -> Kin:
    """A run that has ended, with its children, all of which are carried; at most `depth` levels of them."""
    head, records = draw(journals(ended=True))
    if place is not None:
        head = header("shard", attributes=tuple(head.attributes), trace=head.trace)
        records = placed(records, place)
    else:
        head = header(attributes=tuple(head.attributes), export=head.export, trace=head.trace)
    children: list[Kin] = []
    # A message is heard between two events of the chart, its answer at once, and the end of the child later.
    told: list[Record] = [records[0]]
    waiting: list[Record] = []
    for following in records[1:]:
        if depth and len(children) < 3 and draw(st.booleans()):
            child_place = place_in(name, head, told)
            child = draw(families(f"{name}.{len(children)}", depth - 1, child_place))
            children.append(child)
            told.append(told_start(child.name, child.head, name, at_ns=child.records[0].event.time_ns))
            waiting.append(told_end(child, child_place, carried=True))
        while waiting and (bool(following.outcome) or draw(st.booleans())):
            told.append(waiting.pop())
        told.append(following)
    return Kin(name, head, told, children)
