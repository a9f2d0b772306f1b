"""After the end: late events, and the runs that follow."""

import pytest

from machines.journal import JOURNAL_FORMAT, Header
from machines.snapshot import Children
from tests.support.folding import DOOR, START_NS, Folding, make_machine

COUNTER = """
    machine: counter
    starts_on: [com.x.started]
    attributes: [colour]
    deadlines: {counter: {after: 1h, send: stop}}
    chart:
      datamodel: {count: "0"}
      states:
        on:
          transitions:
            - {event: add, on: {assign: {location: count, expr: count + 1}}}
            - {event: stop, target: off}
            - {event: pause, target: paused}
          history: {before: {}}
          states:
            a: {transitions: [{event: next, target: b}]}
            b: {transitions: [{event: next, target: a}]}
        paused: {transitions: [{event: resume, target: before}, {event: stop, target: off}]}
        off: {final: true}
"""


@pytest.fixture(params=[False, True], ids=["in memory", "stored"])
def ended(request: pytest.FixtureRequest) -> Folding:
    """A door that was torn down."""
    folding = Folding(make_machine(DOOR), stored=request.param)
    folding.send("com.x.built", data={"colour": "red"})
    folding.send("com.x.tear_down", at=2)
    return folding


def test_an_event_after_the_end_is_journaled_as_late_and_changes_nothing_else(ended: Folding) -> None:
    before = ended.snapshot
    was = (before.status, before.states, before.updated_ns, before.ended_ns, before.attributes, before.situation)
    assert ended.send("com.x.open", at=3, data={"colour": "blue"}) == "late"
    assert ended.told()[-1] == ("com.x.open", "late", [])
    assert ended.last().reason == "the run had ended with ok"
    after = ended.snapshot
    assert (after.status, after.states, after.updated_ns, after.ended_ns, after.attributes, after.situation) == was
    assert after.entries == 4
    assert ended.send("com.x.open", at=3) == "duplicate"


def test_late_events_need_no_machine(ended: Folding) -> None:
    ended.load()
    assert ended.send("com.x.open", at=3) == "late"
    assert ended.send("com.x.open", at=4, sequence=9) == "late"


def test_a_starting_event_after_the_end_begins_the_next_run(ended: Folding) -> None:
    assert ended.send("com.x.built", at=5) == "applied"
    assert ended.snapshot.run == 2
    assert ended.journal()[0] == Header(JOURNAL_FORMAT, "door", 1, 2, ["colour"], "complete", "own")
    assert ended.told() == [("com.x.built", "applied", ["+closed"])]
    assert len(ended.journal(run=1)[1]) == 2
    snapshot = ended.snapshot
    assert (snapshot.status, snapshot.ended_ns, snapshot.reason) == ("running", None, None)
    assert (snapshot.attributes, snapshot.started_ns, snapshot.entries) == ({}, START_NS + 5 * 10**9, 2)
    assert ended.states == ["closed"]


def test_the_next_run_starts_with_nothing_of_the_last() -> None:
    folding = Folding(make_machine(COUNTER))
    folding.send("com.x.started", data={"colour": "red"}, parent="p")
    folding.expire(folding.limits.parent_wait_ms)
    assert folding.snapshot.parent == "p"
    for number, event in enumerate(["add", "next", "pause", "stop"]):
        folding.send(f"com.x.{event}", at=number)
    assert folding.snapshot.situation.history == {"before": ["b"]}
    folding.send("com.x.started", at=9)
    snapshot = folding.snapshot
    assert snapshot.situation.variables == {"count": 0}
    assert snapshot.situation.history == {}
    assert (snapshot.attributes, snapshot.parent, snapshot.place) == ({}, None, None)
    assert (snapshot.visits, snapshot.children, snapshot.in_parts) == ({"on": 1, "on.a": 1}, Children(), False)
    assert snapshot.deadlines == {"counter": START_NS + (9 + 3_600) * 10**9}
    folding.send("com.x.pause", at=10)
    folding.send("com.x.resume", at=11)
    assert folding.states == ["on", "on.a"]


def test_an_event_of_a_former_run_is_a_duplicate_in_the_next(ended: Folding) -> None:
    ended.send("com.x.built", at=5)
    assert ended.send("com.x.tear_down", at=2) == "duplicate"
    assert ended.states == ["closed"]


def test_the_next_run_may_be_of_another_machine(ended: Folding) -> None:
    ended.load(make_machine(DOOR), make_machine(COUNTER))
    assert ended.send("com.x.started", at=5) == "applied"
    assert ended.journal()[0].machine == "counter"


def test_an_event_that_only_names_the_machine_starts_no_further_run() -> None:
    folding = Folding(make_machine(DOOR.replace("    starts_on: [com.x.built]\n", "")))
    folding.send("com.x.tear_down", machine="door")
    assert folding.send("com.x.tear_down", at=1, machine="door") == "late"
    assert folding.snapshot.run == 1


def test_a_type_that_starts_several_machines_is_a_dead_letter_after_the_end_too(ended: Folding) -> None:
    ended.load(make_machine(DOOR), make_machine(DOOR.replace("machine: door", "machine: gate")))
    assert ended.send("com.x.built", at=5) == "dead"
    assert ended.dead[-1].reason == "ambiguous-machine"


def test_an_event_for_an_unknown_machine_after_the_end_is_parked(ended: Folding) -> None:
    assert ended.send("com.x.started", at=5, machine="counter") == "machine-not-loaded"
    ended.load(make_machine(COUNTER))
    ended.release()
    assert (ended.snapshot.run, ended.snapshot.machine) == (2, "counter")


def test_what_waits_for_its_number_when_the_run_ends_is_late_once_the_wait_is_over() -> None:
    folding = Folding(make_machine(DOOR))
    folding.send("com.x.built", sequence=1)
    folding.send("com.x.open", at=3, sequence=5)
    folding.send("com.x.tear_down", at=2)
    assert folding.snapshot.waiting == 1
    folding.expire(10**9)
    assert [told[0:2] for told in folding.told()[1:]] == [("com.x.tear_down", "applied"), ("com.x.open", "late")]
    assert folding.last().reason == "the run had ended with ok; sequence 2 to 4 never came"
    assert folding.snapshot.waiting == 0


def test_numbers_go_on_across_the_end_of_a_run() -> None:
    folding = Folding(make_machine(DOOR))
    folding.send("com.x.built", sequence=1)
    folding.send("com.x.open", at=5, sequence=5)
    folding.send("com.x.built", at=4, sequence=4)
    folding.send("com.x.knock", at=2, sequence=2)
    folding.send("com.x.tear_down", at=3, sequence=3)
    assert (folding.snapshot.run, folding.snapshot.sequence, folding.snapshot.waiting) == (2, 5, 0)
    assert [told[0:2] for told in folding.told()] == [("com.x.built", "applied"), ("com.x.open", "applied")]


def test_what_waits_when_the_run_ends_and_could_start_several_machines_is_a_dead_letter() -> None:
    folding = Folding(make_machine(DOOR), make_machine(DOOR.replace("machine: door", "machine: gate")))
    folding.send("com.x.built", machine="door", sequence=1)
    folding.send("com.x.built", at=3, sequence=5)
    assert folding.send("com.x.tear_down", at=2) == "applied"
    assert [dead.reason for dead in folding.dead] == ["ambiguous-machine"]
    assert folding.snapshot.waiting == 0
