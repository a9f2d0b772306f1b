"""Deadlines among events: which goes first, also where neither was processed when it was due."""

import msgspec
import pytest

from machines.changes import Limits
from machines.events import REDRIVE
from machines.workflow import AHEAD
from tests.support.deadlines import FIRED, KILN, LOAN, types_told
from tests.support.folding import START_MS, START_NS, Folding, make_event, make_machine


@pytest.fixture(params=[False, True], ids=["in memory", "stored"])
def kiln(request: pytest.FixtureRequest) -> Folding:
    """A kiln that was lit at 100 s and is hot since 130 s: due at 140 s."""
    folding = Folding(make_machine(KILN), stored=request.param)
    folding.arrive("com.x.lit", 100)
    folding.arrive("com.x.raised", 130)
    return folding


def test_an_event_that_arrived_before_a_deadline_was_due_goes_first_however_late_it_is_processed(kiln: Folding) -> None:
    kiln.now_ms = START_MS + 900_000
    assert kiln.arrive("com.x.lowered", 139.999) == "applied"
    assert types_told(kiln) == ["lit", "raised", "lowered"]


@pytest.mark.parametrize("arrived", [140, 141, 159.999])
def test_a_deadline_goes_before_what_arrived_when_it_was_due(arrived: float, kiln: Folding) -> None:
    assert kiln.arrive("com.x.lowered", arrived, at=135) == "rejected", "the kiln is warm already"
    assert types_told(kiln) == ["lit", "raised", FIRED, "lowered"]


def test_it_is_all_the_same_whether_a_deadline_fires_by_itself_or_for_an_event(kiln: Folding) -> None:
    watched = Folding(make_machine(KILN))
    watched.arrive("com.x.lit", 100)
    watched.arrive("com.x.raised", 130)
    due = watched.workflow.due_deadline()
    assert due is not None
    assert watched.fire() == "applied"
    for folding in (watched, kiln):
        folding.arrive("com.x.raised", 150)
        assert folding.receive(due) == "duplicate"
    assert kiln.everything() == watched.everything()


def test_several_fire_in_the_order_in_which_they_were_due(kiln: Folding) -> None:
    assert kiln.arrive("com.x.lowered", 200) == "late"
    assert [(record.event.type, record.event.time_ns) for record in kiln.journal()[1][2:4]] == [
        (FIRED, START_NS + 140 * 10**9),
        (FIRED, START_NS + 160 * 10**9),
    ]
    assert kiln.snapshot.status == "timeout"


def test_of_two_deadlines_the_one_that_was_due_first_fires_first_whichever_comes_through_the_stream(
    kiln: Folding,
) -> None:
    warm = Folding(make_machine(KILN))
    warm.arrive("com.x.lit", 100)
    due = warm.workflow.due_deadline()
    assert due is not None
    assert kiln.receive(due) == "applied"
    assert [record.event.time_ns - START_NS for record in kiln.journal()[1][2:]] == [140 * 10**9, 160 * 10**9]
    assert kiln.receive(due) == "duplicate"


def test_a_deadline_that_is_set_by_a_deadline_may_be_due_as_well() -> None:
    loan = Folding(make_machine(LOAN))
    loan.arrive("com.x.lent", 0)
    assert loan.arrive("com.x.returned", 75, at=20) == "applied"
    times = [record.event.time_ns - START_NS for record in loan.journal()[1]]
    assert [time // 10**9 for time in times] == [0, 10, 40, 70, 20]


def test_an_invented_position_in_the_future_fires_nothing(kiln: Folding) -> None:
    sent = make_event("com.x.lowered", at=135, arrived=10**9)
    kiln.now_ms = START_MS + 139_999
    assert kiln.receive(sent) == "applied"
    assert types_told(kiln) == ["lit", "raised", "lowered"]
    kiln.receive(make_event("com.x.raised", at=136, arrived=10**9))
    assert kiln.snapshot.overdue == {}, "nor does it make a history of what is told now"


def test_a_position_that_tells_no_time_counts_as_now(kiln: Folding) -> None:
    kiln.now_ms = START_MS + 140_000
    sent = msgspec.structs.replace(make_event("com.x.lowered", at=135), position="")
    assert kiln.receive(sent) == "rejected", "the deadline went first"


def test_a_start_that_arrives_after_a_deadline_that_ends_the_run_begins_the_next(kiln: Folding) -> None:
    assert kiln.arrive("com.x.lit", 161, id="again") == "applied"
    assert (kiln.snapshot.run, kiln.states) == (2, ["firing", "firing.warm"])


def test_what_a_deadline_that_ends_the_run_leaves_to_do_is_looked_at_anew(kiln: Folding) -> None:
    assert kiln.arrive("com.x.cut", 161, machine="gate") == "machine-not-loaded"
    assert kiln.snapshot.status == "timeout"


def test_a_deadline_that_the_chart_rejects_goes_first_too() -> None:
    guarded = KILN.replace("{event: vent, target: warm}", "{event: vent, target: warm, cond: data.x}")
    kiln = Folding(make_machine(guarded))
    kiln.arrive("com.x.lit", 100)
    kiln.arrive("com.x.raised", 130)
    kiln.arrive("com.x.lowered", 145)
    assert [told[:2] for told in kiln.told()[2:]] == [(FIRED, "rejected"), ("com.x.lowered", "applied")]


def test_what_waited_for_its_number_arrived_when_it_arrived() -> None:
    kiln = Folding(make_machine(KILN), stored=True)
    kiln.arrive("com.x.lit", 100, sequence=1)
    kiln.arrive("com.x.lowered", 131, sequence=3)
    kiln.arrive("com.x.raised", 145, at=130, sequence=2)
    assert types_told(kiln) == ["lit", "raised", "lowered"]


@pytest.mark.parametrize("waited", [29, 30])
def test_a_gap_is_passed_when_the_wait_was_over_also_if_that_is_noticed_later(waited: int) -> None:
    kiln = Folding(make_machine(KILN), limits=Limits(reorder_wait_ms=waited * 1_000))
    kiln.arrive("com.x.lit", 100, sequence=1)
    kiln.arrive("com.x.burnt", 130, sequence=3)
    kiln.expire(START_MS + 500_000)
    outcome = "ok" if waited < 30 else "timeout"
    assert kiln.snapshot.status == outcome, "the deadline was due at 160"
    assert kiln.waiting == []


def test_one_too_many_passes_the_gap_when_it_arrives() -> None:
    kiln = Folding(make_machine(KILN), limits=Limits(waiting=1))
    kiln.arrive("com.x.lit", 100, sequence=1)
    kiln.arrive("com.x.raised", 110, sequence=3)
    assert kiln.arrive("com.x.burnt", 170, sequence=5) == "out-of-sequence"
    assert types_told(kiln) == ["lit", FIRED, "raised"]
    assert kiln.snapshot.status == "timeout"


def test_without_its_machine_a_deadline_waits_and_still_goes_first(kiln: Folding) -> None:
    kiln.load()
    assert kiln.arrive("com.x.lowered", 145) == "machine-not-loaded"
    assert kiln.fire() == "machine-not-loaded"
    kiln.load(make_machine(KILN))
    kiln.release()
    assert types_told(kiln) == ["lit", "raised", FIRED, "lowered"]
    assert kiln.snapshot.waiting == 0


def test_a_redriven_event_does_not_wait_for_a_deadline_whose_machine_is_gone() -> None:
    newer = make_machine(KILN.replace("machine: kiln", "machine: kiln\n    version: 2"))
    kiln = Folding(make_machine(KILN), stored=True)
    kiln.arrive("com.x.lit", 100)
    kiln.load(newer)
    sent = msgspec.structs.replace(make_event("com.x.raised", at=165, arrived=165), extensions={REDRIVE: "2"})
    kiln.now_ms = START_MS + 165_000
    assert kiln.receive(sent) == "applied"
    assert kiln.fire() == "applied", "now it fires, by the version that the workflow is on"
    assert [record.event.time_ns - START_NS for record in kiln.journal()[1]] == [100 * 10**9, 165 * 10**9, 160 * 10**9]


def test_what_a_deadline_releases_goes_before_the_event_that_it_fired_for() -> None:
    kiln = Folding(make_machine(KILN))
    kiln.arrive("com.x.lit", 100)
    kiln.arrive("com.x.lowered", 110, sequence=5)
    kiln.arrive("com.x.nonsense", 161)
    assert types_told(kiln) == ["lit", FIRED, "lowered", "nonsense"]


def test_a_deadline_of_a_former_run_that_is_due_in_this_one_too_fires_as_that_of_this_run(kiln: Folding) -> None:
    due = kiln.workflow.due_deadline()
    assert due is not None
    kiln.arrive("com.x.burnt", 131)
    kiln.arrive("com.x.lit", 132, at=100, id="again")
    kiln.arrive("com.x.raised", 133, at=130, id="again too")
    kiln.receive(due)
    assert (due.id, kiln.last().event.id) == (f"firing.hot@1.{due.time_ns}", f"firing.hot@2.{due.time_ns}")


def test_a_duplicate_fires_nothing(kiln: Folding) -> None:
    before = kiln.everything()
    assert kiln.arrive("com.x.raised", 150, at=130) == "duplicate"
    assert kiln.everything() == before


def test_deadlines_that_set_each_other_in_a_circle_do_not_go_on_for_ever() -> None:
    loan = Folding(make_machine(LOAN))
    loan.arrive("com.x.lent", 0)
    assert loan.arrive("com.x.returned", 10**8) == "applied"
    assert len(loan.journal()[1]) == AHEAD + 2
