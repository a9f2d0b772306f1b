"""Deadlines: set on entry from event time, cancelled on leaving, and events like any other when they are due."""

import json

import pytest

from machines.instants import LATEST_NS
from tests.support.folding import SECOND_NS, START_NS, Folding, make_event, make_machine

KILN = """
    machine: kiln
    starts_on: [com.x.lit]
    deadlines:
      kiln: {after: 1h, send: abort}
      firing: {after: 60s, send: overheat}
      firing.hot: {after: 10s, send: vent}
    outcomes: {cracked: timeout, aborted: timeout, done: ok}
    chart:
      states:
        firing:
          transitions: [{event: overheat, target: cracked}, {event: abort, target: aborted}]
          states:
            warm: {transitions: [{event: raised, target: hot}]}
            hot:
              transitions:
                - {event: lowered, target: warm}
                - {event: vent, target: warm}
                - {event: raised, target: hot}
                - {event: burnt, target: done}
        cracked: {final: true}
        aborted: {final: true}
        done: {final: true}
"""


@pytest.fixture(params=[False, True], ids=["in memory", "stored"])
def kiln(request: pytest.FixtureRequest) -> Folding:
    """A kiln that is warm."""
    folding = Folding(make_machine(KILN), stored=request.param)
    folding.send("com.x.lit", at=100)
    return folding


def _due(folding: Folding) -> dict[str, float]:
    return {key: (due - START_NS) / SECOND_NS for key, due in folding.snapshot.deadlines.items()}


def test_deadlines_run_from_the_time_of_the_event_that_entered(kiln: Folding) -> None:
    assert _due(kiln) == {"kiln": 3_700, "firing": 160}
    kiln.send("com.x.raised", at=130)
    assert _due(kiln) == {"kiln": 3_700, "firing": 160, "firing.hot": 140}


def test_leaving_a_state_cancels_its_deadline(kiln: Folding) -> None:
    kiln.send("com.x.raised", at=130)
    kiln.send("com.x.lowered", at=135)
    assert _due(kiln) == {"kiln": 3_700, "firing": 160}


def test_entering_a_state_again_sets_its_deadline_anew(kiln: Folding) -> None:
    kiln.send("com.x.raised", at=130)
    kiln.send("com.x.raised", at=137)
    assert _due(kiln)["firing.hot"] == 147


def test_the_end_cancels_all_deadlines(kiln: Folding) -> None:
    kiln.send("com.x.raised", at=130)
    kiln.send("com.x.burnt", at=131)
    assert _due(kiln) == {}
    assert kiln.workflow.due_deadline() is None


def test_the_earliest_deadline_is_due_first_as_an_event_of_its_own(kiln: Folding) -> None:
    kiln.send("com.x.raised", at=130)
    due = kiln.workflow.due_deadline()
    assert due is not None
    assert (due.type, due.source, due.subject) == ("longspan.deadline", "longspan", "wf")
    assert due.time_ns == START_NS + 140 * SECOND_NS
    assert json.loads(due.data or "") == {"error": "firing.hot took longer than 10s", "deadline": "firing.hot"}


def test_a_deadline_sends_its_event_to_the_chart(kiln: Folding) -> None:
    kiln.send("com.x.raised", at=130)
    assert kiln.fire() == "applied"
    assert kiln.told()[-1] == ("longspan.deadline", "applied", ["-firing.hot", "+firing.warm"])
    assert _due(kiln) == {"kiln": 3_700, "firing": 160}
    assert kiln.fire() == "applied"
    assert kiln.snapshot.status == "timeout"
    assert kiln.snapshot.reason == "firing took longer than 1m"
    assert kiln.last().outcome == "timeout"


def test_the_deadline_of_the_whole_workflow_runs_from_its_start(kiln: Folding) -> None:
    kiln.workflow.snapshot.deadlines.pop("firing")
    assert kiln.fire() == "applied"
    assert kiln.snapshot.reason == "kiln took longer than 1h"
    assert kiln.snapshot.ended_ns == START_NS + 3_700 * SECOND_NS


def test_a_deadline_fires_once(kiln: Folding) -> None:
    kiln.send("com.x.raised", at=130)
    due = kiln.workflow.due_deadline()
    assert due is not None
    assert [kiln.receive(due), kiln.receive(due)] == ["applied", "duplicate"]


@pytest.mark.parametrize("event", ["lowered", "raised", "burnt"])
def test_a_deadline_whose_state_was_left_does_nothing(event: str, kiln: Folding) -> None:
    kiln.send("com.x.raised", at=130)
    due = kiln.workflow.due_deadline()
    assert due is not None
    kiln.send(f"com.x.{event}", at=139)
    before = kiln.everything()
    assert kiln.receive(due) == "duplicate"
    assert kiln.everything() == before


def test_a_deadline_of_a_workflow_that_is_gone_does_nothing(kiln: Folding) -> None:
    due = kiln.workflow.due_deadline()
    assert due is not None
    gone = Folding(make_machine(KILN))
    assert gone.receive(due) == "duplicate"
    assert (gone.waiting, gone.dead, gone.snapshot.run) == ([], [], 0)


def test_a_deadline_that_comes_due_at_a_time_a_second_time_fires_a_second_time(kiln: Folding) -> None:
    kiln.send("com.x.raised", at=130)
    kiln.fire()
    kiln.send("com.x.raised", at=130, id="again")  # a clock that stood still
    assert _due(kiln)["firing.hot"] == 140
    assert kiln.fire() == "applied"
    assert kiln.states == ["firing", "firing.warm"]


def test_a_deadline_that_the_chart_does_not_take_is_rejected_and_over(kiln: Folding) -> None:
    kiln.send("com.x.raised", at=130)
    kiln.load(make_machine(KILN.replace("{event: vent, target: warm}", "{event: vent, target: warm, cond: data.x}")))
    assert kiln.fire() == "rejected"
    assert kiln.last().reason == "no transition for 'vent' in firing.hot"
    assert "firing.hot" not in _due(kiln)


def test_a_deadline_that_the_document_no_longer_has_is_rejected(kiln: Folding) -> None:
    kiln.load(make_machine(KILN.replace("      firing: {after: 60s, send: overheat}\n", "")))
    assert kiln.fire() == "rejected"
    assert kiln.last().reason == "kiln has no deadline firing any more"


def test_nobody_can_send_a_deadline(kiln: Folding) -> None:
    due = kiln.workflow.due_deadline()
    assert due is not None
    forged = make_event("longspan.deadline", id=due.id, source="longspan", at=160)
    assert kiln.receive(forged) == "rejected"
    assert kiln.last().reason == "no transition for 'deadline' in firing.warm"
    assert kiln.fire() == "applied", "and nobody can keep one from firing"


def test_a_deadline_beyond_the_last_instant_never_fires(kiln: Folding) -> None:
    late = Folding(make_machine(KILN), stored=True)
    late.send("com.x.lit", at=(LATEST_NS - START_NS) / SECOND_NS - 30)
    assert late.fire() == "duplicate"
    assert late.states == ["firing", "firing.warm"]
