"""How workflows begin: starting events, machines without any, and what cannot begin."""

import pytest

from machines.changes import Limits
from machines.journal import JOURNAL_FORMAT, Header
from tests.support.folding import DOOR, START_NS, Folding, make_event, make_machine

LAMP = """
    machine: lamp
    attributes: [watts]
    chart:
      states:
        dark: {transitions: [{event: lit, target: bright}]}
        bright: {transitions: [{event: snuffed, target: gone}]}
        gone: {final: true}
"""


def test_a_starting_event_creates_the_run_and_is_not_sent_to_the_chart() -> None:
    folding = Folding(make_machine(DOOR.replace("com.x.built", "com.x.open")))
    assert folding.send("com.x.open", at=5, data={"colour": "red"}) == "applied"
    assert folding.told() == [("com.x.open", "applied", ["+closed"])]
    assert folding.snapshot.attributes == {"colour": "red"}
    assert folding.snapshot.states == {"closed": START_NS + 5 * 10**9}
    assert folding.snapshot.started_ns == folding.snapshot.updated_ns == START_NS + 5 * 10**9
    assert folding.journal()[0] == Header(JOURNAL_FORMAT, "door", 1, 1, ["colour"], "complete", "own")


def test_a_machine_may_be_named_by_the_starting_event() -> None:
    folding = Folding(make_machine(DOOR), make_machine(DOOR.replace("machine: door", "machine: gate")))
    assert folding.send("com.x.built", machine="gate") == "applied"
    assert folding.snapshot.machine == "gate"


def test_a_type_that_starts_several_machines_is_a_dead_letter() -> None:
    folding = Folding(make_machine(DOOR), make_machine(DOOR.replace("machine: door", "machine: gate")))
    assert folding.send("com.x.built") == "dead"
    (dead,) = folding.dead
    assert (dead.reason, dead.field) == ("ambiguous-machine", "machine")
    assert dead.detail == "com.x.built starts door, gate: name one of them"
    assert folding.snapshot.run == 0


def test_the_newest_version_starts_and_the_run_stays_on_it() -> None:
    first, second = make_machine(DOOR), make_machine(DOOR.replace("machine: door", "machine: door\n    version: 2"))
    folding = Folding(first)
    folding.send("com.x.built")
    folding.load(first, second)
    folding.send("com.x.tear_down", at=1)
    assert folding.journal()[0].version == 1
    assert folding.snapshot.ended
    folding.send("com.x.built", at=2)
    assert folding.journal()[0].version == 2


def test_without_starts_on_the_first_event_that_names_the_machine_starts_it_and_is_sent() -> None:
    folding = Folding(make_machine(LAMP))
    assert folding.send("com.x.lit", machine="lamp", data={"watts": 40}) == "applied"
    assert folding.told() == [("com.x.lit", "applied", ["+dark", "-dark", "+bright"])]
    assert folding.snapshot.attributes == {"watts": 40}


def test_a_first_event_that_the_chart_rejects_starts_the_run_all_the_same() -> None:
    folding = Folding(make_machine(LAMP))
    assert folding.send("com.x.snuffed", machine="lamp", data={"watts": 40}) == "rejected"
    assert folding.told() == [("com.x.snuffed", "rejected", ["+dark"])]
    assert folding.last().reason == "no transition for 'snuffed' in dark"
    assert folding.states == ["dark"]
    assert folding.snapshot.attributes == {}, "attributes come from applied events only"


def test_an_event_that_names_no_machine_does_not_start_one_without_starts_on() -> None:
    folding = Folding(make_machine(LAMP))
    assert folding.send("com.x.lit") == "early"
    assert folding.send("com.x.lit", at=1, machine="lamp") == "applied"
    assert [told[0:2] for told in folding.told()] == [("com.x.lit", "applied"), ("com.x.lit", "rejected")]


def test_naming_the_machine_does_not_make_any_event_a_start() -> None:
    folding = Folding(make_machine(DOOR))
    assert folding.send("com.x.open", machine="door") == "early"


def test_a_chart_that_fails_on_entry_starts_nothing_and_may_be_tried_again() -> None:
    text = """
        machine: picky
        starts_on: [com.x.started]
        chart:
          datamodel: {double: "data.n * 2"}
          states:
            a: {transitions: [{event: go, target: b}]}
            b: {final: true}
    """
    folding = Folding(make_machine(text))
    assert folding.send("com.x.started") == "dead"
    (dead,) = folding.dead
    assert (dead.reason, dead.field) == ("start-failed", "machine")
    assert dead.detail == "the chart failed: TypeError: unsupported operand type(s) for *: 'NoneType' and 'int'"
    assert folding.snapshot.run == folding.snapshot.entries == 0
    assert folding.send("com.x.started", data={"n": 4}) == "applied"
    assert folding.snapshot.situation.variables == {"double": 8}


def test_a_chart_may_end_with_its_first_event() -> None:
    folding = Folding(make_machine(LAMP.replace("[{event: lit,", "[{event: smashed, target: gone}, {event: lit,")))
    folding.send("com.x.smashed", machine="lamp", at=3)
    assert (folding.snapshot.status, folding.snapshot.ended_ns) == ("ok", START_NS + 3 * 10**9)
    assert folding.last().outcome == "ok"


def test_the_parent_is_kept_from_the_first_event() -> None:
    folding = Folding(make_machine(DOOR))
    assert folding.send("com.x.built", parent="house-1") == "parent-not-started"
    folding.expire(folding.limits.parent_wait_ms)
    folding.send("com.x.open", at=1, parent="house-2")
    assert (folding.snapshot.run, folding.states) == (1, ["opened"])
    assert folding.snapshot.parent == "house-1"


@pytest.mark.parametrize("name", ["gate", "nobody"])
def test_an_event_that_names_another_machine_is_rejected(name: str) -> None:
    folding = Folding(make_machine(DOOR), make_machine(LAMP))
    folding.send("com.x.built")
    assert folding.send("com.x.open", at=1, machine=name) == "rejected"
    assert folding.last().reason == f"the workflow runs door, the event names {name}"
    assert folding.states == ["closed"]
    assert folding.send("com.x.open", at=2, machine="door") == "applied"


def test_a_rejected_event_is_journaled_and_adds_no_attributes() -> None:
    folding = Folding(make_machine(DOOR), limits=Limits())
    folding.send("com.x.built")
    assert folding.send("com.x.close", at=9, data={"colour": "red"}) == "rejected"
    assert folding.told()[-1] == ("com.x.close", "rejected", [])
    assert folding.last().reason == "no transition for 'close' in closed"
    assert folding.snapshot.attributes == {}
    assert folding.snapshot.entries == 3
    assert folding.snapshot.updated_ns == START_NS + 9 * 10**9
    assert folding.receive(make_event("com.x.open", at=10, data={"colour": "red"})) == "applied"
    assert folding.snapshot.attributes == {"colour": "red"}


def test_an_event_type_may_be_mapped_to_a_chart_event() -> None:
    folding = Folding(make_machine(DOOR.replace("starts_on:", "events: {org.y.Unlocked: open}\n    starts_on:")))
    folding.send("com.x.built")
    assert folding.send("org.y.Unlocked", at=1) == "applied"
    assert folding.send("close", at=2) == "applied"
