"""How a run ended, and why: outcomes by final state, the worst of several, the reason."""

import pytest

from machines.machine import Machine
from tests.support.folding import DOOR, Folding, make_machine

PAIR = """
    machine: pair
    starts_on: [com.x.started]
    OUTCOMES
    chart:
      states:
        both:
          parallel: true
          states:
            one:
              states:
                x: {transitions: [{event: one_good, target: good}, {event: one_bad, target: bad}]}
                good: {final: true}
                bad: {final: true}
            two:
              states:
                x: {transitions: [{event: two_good, target: good}, {event: two_bad, target: bad}]}
                good: {final: true}
                bad: {final: true}
"""


def _pair(one: str, two: str) -> Machine:
    return make_machine(PAIR.replace("OUTCOMES", f"outcomes: {{both.one.bad: {one}, both.two.bad: {two}}}"))


def _door(outcome: str) -> Folding:
    folding = Folding(make_machine(DOOR.replace("burnt: error", f"burnt: {outcome}")))
    folding.send("com.x.built")
    folding.send("com.x.open", at=1)
    return folding


@pytest.mark.parametrize("outcome", ["ok", "error", "timeout", "cancelled"])
def test_the_final_state_decides_the_outcome(outcome: str) -> None:
    folding = _door(outcome)
    folding.send("com.x.burn", at=2)
    assert folding.snapshot.status == folding.last().outcome == outcome
    failed = outcome in ("error", "timeout")
    assert folding.snapshot.reason == ("com.x.burn led to burnt" if failed else None)


@pytest.mark.parametrize("outcome", ["error", "timeout"])
def test_the_data_says_why_a_run_failed(outcome: str) -> None:
    folding = _door(outcome)
    folding.send("com.x.burn", at=2, data={"error": "a spark"})
    assert folding.snapshot.reason == "a spark"


def test_a_final_state_without_an_outcome_is_ok() -> None:
    folding = Folding(make_machine(DOOR.replace("    outcomes: {torn_down: ok, burnt: error}\n", "")))
    folding.send("com.x.built")
    folding.send("com.x.tear_down", at=1, data={"error": "not one that matters"})
    assert (folding.snapshot.status, folding.snapshot.reason) == ("ok", None)


@pytest.mark.parametrize(
    ("one", "two", "worst"),
    [
        ("ok", "cancelled", "cancelled"),
        ("timeout", "cancelled", "timeout"),
        ("error", "timeout", "error"),
        ("cancelled", "error", "error"),
    ],
)
def test_of_several_final_states_the_worst_counts(one: str, two: str, worst: str) -> None:
    folding = Folding(_pair(one, two))
    for number, event in enumerate(["started", "one_bad", "two_bad"]):
        folding.send(f"com.x.{event}", at=number)
    assert folding.snapshot.status == worst


@pytest.mark.parametrize(("events", "culprit"), [(("one_bad", "two_good"), "one"), (("one_good", "two_bad"), "two")])
def test_the_reason_names_the_final_state_that_is_to_blame(events: tuple[str, str], culprit: str) -> None:
    folding = Folding(_pair("error", "error"))
    for number, event in enumerate(["started", *events]):
        folding.send(f"com.x.{event}", at=number)
    assert folding.snapshot.status == "error"
    assert folding.snapshot.reason == f"com.x.{events[1]} led to both.{culprit}.bad"


def test_a_run_that_goes_on_has_no_outcome() -> None:
    folding = _door("error")
    assert (folding.snapshot.status, folding.snapshot.ended, folding.last().outcome) == ("running", False, None)
