"""Random families: in whatever order messages go, they end with the same counts, and replay to the same journals."""

import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from machines.agreement import compare
from machines.catalog import Catalog
from machines.changes import Limits
from machines.history import Machines
from machines.journal import Record
from machines.messages import CHILDREN_DONE, is_message
from machines.recorded_line import Line, read_line
from machines.recording import write_run
from machines.refolding import Refolding
from machines.run import Interpreters
from tests.support.families import Families
from tests.support.folding import make_machine

# A job is done when all the parts that it was told of have ended; whoever has none ends by an event of its own.
JOB = """
    machine: job
    starts_on: [com.x.job]
    attributes: [parts]
    outcomes: {done: ok, failed: error}
    children:
      working: {expected: parts}
    chart:
      states:
        working:
          transitions: [{event: children.done, target: settling}, {event: fail, target: failed}]
          states:
            early: {transitions: [{event: go, target: later}]}
            later: {transitions: [{event: go, target: early}]}
        settling: {transitions: [{event: settle, target: done}, {event: fail, target: failed}]}
        done: {final: true}
        failed: {final: true}
"""
MACHINE = make_machine(JOB)
LIMITS = Limits(waiting=10_000)


def _tree(choose: random.Random) -> dict[str, str | None]:
    """Workflows by id, each with its parent: two or three levels."""
    parents: dict[str, str | None] = {"top": None}
    for number in range(choose.randrange(1, 5)):
        parents[f"p-{number}"] = "top"
        for part in range(choose.randrange(4)):
            parents[f"p-{number}-{part}"] = f"p-{number}"
    return parents


def _live(parents: dict[str, str | None], failing: set[str], choose: random.Random) -> Families:
    """All starts in any order, with messages and events in between; then the ends, from the leaves up."""
    families = Families(MACHINE, limits=LIMITS, choose=choose)
    counts = {name: sum(parent == name for parent in parents.values()) for name in parents}
    starts = list(parents.items())
    choose.shuffle(starts)
    for at, (name, parent) in enumerate(starts):
        families.send(name, "job", at=at, parent=parent, data={"parts": counts[name]} if counts[name] else None)
        for _ in range(choose.randrange(4)):
            families.deliver_one()
        families.send(choose.choice(starts[: at + 1])[0], "go", at=at)
    families.settle()
    for name in sorted(parents, key=len, reverse=True):
        if not counts[name]:
            families.send(name, "fail" if name in failing else "go", at=50)
    for name in sorted(parents, key=lambda name: (-name.count("-"), choose.random())):
        if counts[name]:
            families.settle()
            families.send(name, "fail" if name in failing else "settle", at=60 + choose.random())
        elif name not in failing:
            families.send(name, "fail", at=55)
        for _ in range(choose.randrange(3)):
            families.deliver_one()
    families.settle()
    return families


def _unnamed(records: list[Record]) -> list[Record]:
    """Records whose events do not say the machine, as a fold may add it."""
    replace = msgspec.structs.replace
    return [replace(record, event=replace(record.event, machine=None)) for record in records]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_whatever_the_order_of_messages_families_end_alike(seed: int, other: int) -> None:
    parents = _tree(random.Random(seed))
    failing = {name for name in parents if random.Random(f"{seed} {name}").random() < 0.3}
    one, two = (_live(parents, failing, random.Random(f"{seed} {order}")) for order in (seed, other))
    for name in parents:
        snapshots = one.snapshot(name), two.snapshot(name)
        first, second = (msgspec.structs.replace(snapshot.children, latest_ns=0) for snapshot in snapshots)
        assert first == second  # but for when they ended, which chance says
        assert snapshots[0].status == snapshots[1].status
        parts = [child for child, parent in parents.items() if parent == name]
        children = snapshots[0].children
        assert (children.started, children.ended, children.apart) == (len(parts), len(parts), 0)
        for families in (one, two):
            done = [event_type for event_type, _ in families.told(name) if event_type == CHILDREN_DONE]
            assert len(done) == bool(parts)
            place = families.snapshot(name).place
            assert (place and place.parent) == parents[name]
            assert (name, 1) in families.carried or place is None
    assert one.dead == two.dead == []


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32))
def test_the_recorded_journals_of_a_family_fold_to_the_same_again(seed: int) -> None:
    parents = _tree(random.Random(seed))
    families = _live(parents, set(), random.Random(seed))
    refolding = Refolding([Machines(Catalog([MACHINE]))])
    interpreters = Interpreters(Catalog([MACHINE]))
    number = 0
    for name in parents:
        header, records = families.journal(name)
        for text in write_run(header, records):
            number += 1
            refolding.feed(read_line(text, number))
        assert compare(families.snapshot(name), header, records, interpreters).differences == []
    for (history,) in refolding.finish():
        (run,) = history.runs
        header = families.journal(history.subject)[0]
        assert history.departures == 0, history.departure
        assert (run.header, _unnamed(run.records)) == (header, _unnamed(families.journal(history.subject)[1]))
        assert history.snapshot.children == families.snapshot(history.subject).children
        assert history.snapshot.place == families.snapshot(history.subject).place


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32))
def test_a_file_of_plain_events_is_folded_as_families(seed: int) -> None:
    parents = _tree(random.Random(seed))
    families = _live(parents, set(), random.Random(seed))
    told = [record.event for name in parents for record in families.journal(name)[1]]
    sent = sorted((event for event in told if not is_message(event)), key=lambda event: event.time_ns)
    refolding = Refolding([Machines(Catalog([MACHINE]))])
    for event in sent:
        refolding.feed(Line(0, msgspec.structs.replace(event, place=None, position="")))
    counted = {history.subject: history.snapshot.children for (history,) in refolding.finish()}
    assert counted == {name: families.snapshot(name).children for name in parents}
