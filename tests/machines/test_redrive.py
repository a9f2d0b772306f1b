"""Rejected events that are sent again to a machine version: applied once, by the version that they name."""

import msgspec
import pytest

from machines.changes import Limits
from machines.entries import parse_entry
from machines.errors import EventError
from machines.events import REDRIVE, Event
from tests.support.folding import DOOR, Folding, make_event, make_machine

LIMITS = Limits(early_wait_ms=1_000, reorder_wait_ms=100)
TWO = """
    machine: door
    version: 2
    starts_on: [com.x.built]
    attributes: [colour, key]
    outcomes: {torn_down: ok, burnt: error}
    chart:
      states:
        closed:
          transitions: [{event: open, target: opened}, {event: lock, target: locked}]
        opened:
          transitions: [{event: close, target: closed}, {event: burn, target: burnt}]
        locked:
          transitions: [{event: unlock, target: closed}, {event: tear_down, target: torn_down}]
        torn_down: {final: true}
        burnt: {final: true}
"""
THREE = TWO.replace("version: 2", "version: 3")


def redriven(event_type: str, version: int = 2, **attributes: object) -> Event:
    """The event as a redrive sends it."""
    event = make_event(event_type, **attributes)  # type: ignore[arg-type]  # checked by the call
    return msgspec.structs.replace(event, extensions={REDRIVE: str(version)})


def door(*, both: bool = True) -> Folding:
    """A door on version 1 that has rejected a lock; version 2 is loaded since, with or without version 1."""
    folding = Folding(make_machine(DOOR), limits=LIMITS, stored=True)
    folding.send("com.x.built")
    assert folding.send("com.x.lock", at=1) == "rejected"
    folding.load(make_machine(TWO), *[make_machine(DOOR)] * both)
    return folding


@pytest.mark.parametrize("both", [True, False])
def test_a_rejected_event_is_applied_by_the_version_that_it_names_and_the_workflow_stays_there(both: bool) -> None:
    folding = door(both=both)
    assert folding.receive(redriven("com.x.lock", at=1, data={"key": "k"})) == "applied"
    assert (folding.snapshot.version, folding.states) == (2, ["locked"])
    last = folding.last()
    assert (last.version, last.attributes, last.steps) == (2, ["colour", "key"], ["-closed", "+locked"])
    assert folding.snapshot.attributes == {"key": "k"}
    assert folding.send("com.x.tear_down", at=2) == "applied"
    assert (folding.last().version, folding.snapshot.status) == (None, "ok")


def test_the_same_redrive_again_changes_nothing_while_it_runs_and_after_the_end() -> None:
    folding = door()
    folding.receive(redriven("com.x.lock", at=1))
    entries = folding.snapshot.entries
    assert folding.receive(redriven("com.x.lock", at=1)) == "duplicate"
    assert folding.send("com.x.lock", at=1) == "duplicate", "the event itself stays known"
    folding.send("com.x.tear_down", at=2)
    assert folding.receive(redriven("com.x.lock", at=1)) == "duplicate"
    assert folding.snapshot.entries == entries + 1


def test_an_event_that_a_redrive_applied_is_not_applied_by_a_redrive_to_another_version() -> None:
    folding = door()
    folding.receive(redriven("com.x.lock", at=1))
    folding.load(make_machine(TWO), make_machine(THREE))
    assert folding.receive(redriven("com.x.lock", 3, at=1)) == "duplicate"
    assert folding.snapshot.version == 2


def test_a_redrive_that_was_rejected_counts_once_for_each_version() -> None:
    folding = door()
    assert folding.receive(redriven("com.x.paint", at=1)) == "rejected"
    assert (folding.snapshot.version, folding.last().version) == (2, 2), "moved, though the chart takes no paint"
    assert folding.receive(redriven("com.x.paint", at=1)) == "duplicate"
    folding.load(make_machine(TWO), make_machine(THREE.replace("event: lock,", "event: paint,")))
    assert folding.receive(redriven("com.x.paint", 3, at=1)) == "applied"


def test_to_the_version_that_it_is_on_an_event_is_tried_again_where_the_workflow_is_now() -> None:
    folding = Folding(make_machine(DOOR), limits=LIMITS)
    folding.send("com.x.built")
    folding.send("com.x.close", at=1)
    folding.send("com.x.open", at=2)
    assert folding.receive(redriven("com.x.close", 1, at=1)) == "applied"
    assert (folding.last().version, folding.states) == (None, ["closed"])


def test_rules_of_sequence_do_not_hold_for_it() -> None:
    folding = Folding(make_machine(DOOR), limits=LIMITS, stored=True)
    folding.send("com.x.built", sequence=5)
    assert folding.send("com.x.lock", at=1, sequence=6) == "rejected"
    folding.load(make_machine(DOOR), make_machine(TWO))
    assert folding.receive(redriven("com.x.lock", at=1)) == "applied"
    assert folding.snapshot.sequence == 6
    assert folding.send("com.x.unlock", at=2, sequence=7) == "applied"


def test_a_version_that_is_not_loaded_parks_it_and_nothing_else() -> None:
    folding = door()
    assert folding.receive(redriven("com.x.lock", 3, at=1)) == "machine-not-loaded"
    assert folding.receive(redriven("com.x.lock", 3, at=1)) == "duplicate"
    assert folding.send("com.x.open", at=2) == "applied"
    assert folding.send("com.x.close", at=3) == "applied"
    folding.load(make_machine(DOOR), make_machine(THREE))
    folding.release()
    assert (folding.snapshot.version, folding.states, folding.waiting) == (3, ["locked"], [])


def test_what_was_parked_for_another_version_is_not_applied_once_more() -> None:
    folding = door()
    folding.receive(redriven("com.x.lock", 3, at=1))
    folding.receive(redriven("com.x.lock", 2, at=1))
    entries = folding.snapshot.entries
    folding.load(make_machine(TWO), make_machine(THREE))
    folding.release()
    assert (folding.snapshot.entries, folding.snapshot.version, folding.waiting) == (entries, 2, [])


def test_a_workflow_whose_version_is_gone_moves_and_what_was_parked_follows_in_order() -> None:
    folding = door(both=False)
    assert folding.send("com.x.unlock", at=2) == "machine-not-loaded"
    assert folding.send("com.x.open", at=3) == "machine-not-loaded"
    assert folding.receive(redriven("com.x.lock", at=1)) == "applied"
    assert folding.told()[-3:] == [
        ("com.x.lock", "applied", ["-closed", "+locked"]),
        ("com.x.unlock", "applied", ["-locked", "+closed"]),
        ("com.x.open", "applied", ["-closed", "+opened"]),
    ]


def test_after_the_end_it_is_late_and_starts_no_run_although_its_type_does() -> None:
    folding = door()
    folding.send("com.x.tear_down", at=2)
    assert folding.receive(redriven("com.x.built", at=1, machine="door")) == "late"
    assert folding.receive(redriven("com.x.built", at=1, machine="door")) == "duplicate"
    assert folding.snapshot.run == 1


def test_without_a_run_it_waits_for_one_and_then_goes_to_the_dead_letters() -> None:
    folding = Folding(make_machine(TWO), limits=LIMITS, stored=True)
    assert folding.receive(redriven("com.x.built", machine="door")) == "early"
    folding.expire(1_000)
    assert [dead.reason for dead in folding.dead] == ["early"]


@pytest.mark.parametrize("value", ["", "0", "-1", "1.5", "two", "²", "99999999999", "2147483648", "+1", " 1"])
def test_what_is_no_version_is_told_by_the_name_of_the_attribute(value: str) -> None:
    fields = {b"id": b"e", b"type": b"t", b"subject": b"s", REDRIVE.encode(): value.encode()}
    with pytest.raises(EventError, match=rf"^{REDRIVE}: is not the version of a machine"):
        parse_entry(fields, "1-0")


def test_a_version_is_read_and_goes_with_no_sequence() -> None:
    fields = {b"id": b"e", b"type": b"t", b"subject": b"s", REDRIVE.encode(): b"2147483647"}
    assert parse_entry(fields, "1-0").redriven_to == 2147483647
    with pytest.raises(EventError, match=rf"^sequence: does not go with {REDRIVE}"):
        parse_entry(fields | {b"sequence": b"1"}, "1-0")


def test_an_attribute_of_that_name_from_before_it_meant_anything_means_nothing() -> None:
    event = msgspec.structs.replace(make_event("com.x.lock"), extensions={REDRIVE: "soon"})
    assert event.redriven_to is None
