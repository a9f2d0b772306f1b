"""Deadlines in a history that is told afterwards: they were due already when the event that sets them arrived."""

import pytest

from tests.support.deadlines import FIRED, KILN, LOAN, types_told
from tests.support.folding import START_NS, Folding, make_machine


@pytest.mark.parametrize(("at", "told"), [(139, ["lowered"]), (140, [FIRED, "lowered"]), (150, [FIRED, "lowered"])])
def test_in_a_history_that_is_told_afterwards_the_time_of_the_event_decides(at: float, told: list[str]) -> None:
    history = Folding(make_machine(KILN), stored=True)
    history.arrive("com.x.lit", 1_000, at=100)
    history.arrive("com.x.raised", 1_001, at=130)
    history.arrive("com.x.lowered", 1_002, at=at)
    assert types_told(history) == ["lit", "raised", *told]


def test_what_arrives_just_when_the_deadline_that_it_sets_is_due_is_history() -> None:
    kiln = Folding(make_machine(KILN))
    kiln.arrive("com.x.lit", 100)
    kiln.arrive("com.x.raised", 140, at=130)
    kiln.arrive("com.x.lowered", 141, at=135)
    assert types_told(kiln) == ["lit", "raised", "lowered"]


def test_a_history_whose_deadlines_follow_one_another_is_told_as_it_would_have_been_live() -> None:
    told = []
    for late_s in (0, 1_000):
        loan = Folding(make_machine(LOAN), stored=True)
        loan.arrive("com.x.lent", late_s, at=0)
        loan.arrive("com.x.returned", late_s + 25, at=25)
        told.append(loan.told())
    assert told[0] == told[1]
    assert [event_type for event_type, _, _ in told[0]] == ["com.x.lent", FIRED, "com.x.returned"]


def test_what_is_overdue_is_remembered_for_as_long_as_its_deadline_runs() -> None:
    kiln = Folding(make_machine(KILN), stored=True)
    kiln.arrive("com.x.lit", 150, at=100)
    kiln.arrive("com.x.raised", 151, at=130)
    assert set(kiln.snapshot.overdue) == {"firing.hot"}
    kiln.arrive("com.x.lowered", 152, at=135)
    assert kiln.snapshot.overdue == {}
    kiln.arrive("com.x.raised", 153, at=152)
    assert kiln.snapshot.overdue == {}
    kiln.arrive("com.x.lowered", 154)
    kiln.arrive("com.x.raised", 155, at=145)
    assert kiln.snapshot.overdue == {"firing.hot": START_NS + 155 * 10**9}
    kiln.arrive("com.x.burnt", 156, at=150)
    assert (kiln.snapshot.deadlines, kiln.snapshot.overdue) == ({}, {})


def test_the_end_of_a_history_leaves_no_deadline_behind() -> None:
    kiln = Folding(make_machine(KILN.replace("deadlines:", "deadlines:\n      kiln: {after: 1h, send: overheat}")))
    kiln.arrive("com.x.lit", 10_000, at=100)
    assert set(kiln.snapshot.overdue) == {"kiln", "firing"}
    kiln.arrive("com.x.burnt", 10_001, at=150)
    assert (kiln.snapshot.deadlines, kiln.snapshot.overdue) == ({}, {})
