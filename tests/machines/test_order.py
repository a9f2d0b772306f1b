"""The order of events: those that come before their start, and those that carry numbers."""

import pytest

from machines.changes import Limits
from tests.support.folding import DOOR, Folding, make_machine

LIMITS = Limits(early_wait_ms=1_000, reorder_wait_ms=100, waiting=3)


def _door(**options: bool) -> Folding:
    return Folding(make_machine(DOOR), limits=LIMITS, **options)


def _numbers(folding: Folding) -> list[tuple[int | None, str]]:
    return [(record.event.sequence, record.result) for record in folding.journal()[1]]


def test_early_events_wait_for_their_start_and_are_applied_in_order() -> None:
    folding = _door(stored=True)
    assert folding.send("com.x.open", at=2) == "early"
    assert folding.send("com.x.close", at=3) == "early"
    assert folding.snapshot.waiting == 2
    assert folding.send("com.x.built", at=1) == "applied"
    assert [told[0:2] for told in folding.told()] == [
        ("com.x.built", "applied"),
        ("com.x.open", "applied"),
        ("com.x.close", "applied"),
    ]
    assert (folding.snapshot.waiting, folding.waiting) == (0, [])


def test_an_early_event_that_waited_too_long_is_a_dead_letter() -> None:
    folding = _door()
    folding.send("com.x.open", at=2)
    folding.now_ms = 600
    folding.send("com.x.close", at=3)
    assert folding.workflow.expires_ms(LIMITS) == 1_000
    folding.expire(999)
    assert folding.dead == []
    folding.expire(1_000)
    assert [(dead.event.type, dead.reason, dead.field, dead.detail) for dead in folding.dead] == [
        ("com.x.open", "early", "subject", "no event started workflow wf in time")
    ]
    assert folding.waiting == [("com.x.close", "early")]
    assert folding.workflow.expires_ms(LIMITS) == 1_600
    assert folding.send("com.x.open", at=2) == "early", "a dead letter may come again"


def test_only_so_many_events_wait() -> None:
    folding = _door()
    assert [folding.send("com.x.open", at=number) for number in range(4)] == ["early", "early", "early", "dead"]
    (dead,) = folding.dead
    assert (dead.reason, dead.field, dead.detail) == ("early", "subject", "3 events wait for workflow wf already")
    assert folding.snapshot.waiting == 3


def test_the_same_early_event_waits_once() -> None:
    folding = _door(stored=True)
    assert [folding.send("com.x.open"), folding.send("com.x.open")] == ["early", "duplicate"]
    folding.send("com.x.built")
    assert folding.send("com.x.open") == "duplicate"


def test_numbered_events_are_applied_in_the_order_of_their_numbers() -> None:
    folding = _door(stored=True)
    folding.send("com.x.built", sequence=7)
    assert folding.send("com.x.open", at=3, sequence=10) == "out-of-sequence"
    assert folding.send("com.x.close", at=2, sequence=9) == "out-of-sequence"
    assert folding.send("com.x.open", at=1, sequence=8) == "applied"
    assert _numbers(folding) == [(7, "applied"), (8, "applied"), (9, "applied"), (10, "applied")]
    assert folding.states == ["opened"]
    assert folding.snapshot.waiting == 0


@pytest.mark.parametrize(("first", "reached"), [(0, 0), (1, 2)])
def test_numbers_begin_with_0_or_1_where_the_start_has_none(first: int, reached: int) -> None:
    folding = _door()
    folding.send("com.x.built")
    assert folding.send("com.x.close", at=3, sequence=2) == "out-of-sequence"
    assert folding.send("com.x.open", at=2, sequence=first) == "applied"
    assert folding.snapshot.sequence == reached


def test_a_number_that_was_applied_is_a_duplicate() -> None:
    folding = _door()
    folding.send("com.x.built", sequence=1)
    folding.send("com.x.open", at=1, sequence=2)
    assert folding.send("com.x.close", at=2, sequence=2) == "duplicate"
    assert folding.snapshot.entries == 3
    assert folding.states == ["opened"]


def test_a_rejected_event_uses_its_number_up() -> None:
    folding = _door()
    folding.send("com.x.built", sequence=1)
    assert folding.send("com.x.close", at=1, sequence=2) == "rejected"
    assert folding.send("com.x.open", at=2, sequence=3) == "applied"


def test_events_without_a_number_are_not_held_up() -> None:
    folding = _door()
    folding.send("com.x.built", sequence=1)
    folding.send("com.x.close", at=2, sequence=3)
    assert folding.send("com.x.open", at=1) == "applied"
    assert folding.waiting == [("com.x.close", "out-of-sequence")]


def test_a_gap_is_passed_after_the_wait_and_the_journal_says_what_never_came() -> None:
    folding = _door(stored=True)
    folding.send("com.x.built", sequence=1)
    folding.now_ms = 50
    folding.send("com.x.open", at=2, sequence=4)
    assert folding.workflow.expires_ms(LIMITS) == 150
    folding.expire(149)
    assert folding.snapshot.sequence == 1
    folding.expire(150)
    assert folding.last().reason == "sequence 2 to 3 never came"
    assert _numbers(folding) == [(1, "applied"), (4, "applied")]
    assert folding.snapshot.gaps[1:] == [(2, 3)]
    assert folding.workflow.expires_ms(LIMITS) is None


def test_the_journal_says_what_never_came_also_where_the_next_event_is_rejected() -> None:
    folding = _door()
    folding.send("com.x.built", sequence=1)
    folding.send("com.x.close", at=2, sequence=3)
    folding.expire(100)
    assert folding.last().reason == "no transition for 'close' in closed; sequence 2 never came"


def test_a_straggler_of_a_given_up_gap_is_rejected() -> None:
    folding = _door()
    folding.send("com.x.built", sequence=1)
    folding.send("com.x.open", at=2, sequence=3)
    folding.expire(100)
    assert folding.send("com.x.close", at=1, sequence=2) == "rejected"
    assert folding.last().reason == "sequence 2 came after its turn"
    assert folding.send("com.x.close", at=1, sequence=2) == "duplicate"
    assert folding.send("com.x.close", at=3, sequence=4) == "applied"


def test_each_gap_is_given_up_in_turn_with_what_has_waited_long_enough() -> None:
    folding = _door()
    folding.send("com.x.built", sequence=1)
    folding.send("com.x.close", at=4, sequence=5)
    folding.now_ms = 60
    folding.send("com.x.open", at=2, sequence=3)
    folding.expire(100)
    assert [(record.event.sequence, record.reason) for record in folding.journal()[1][1:]] == [
        (3, "sequence 2 never came"),
        (5, "sequence 4 never came"),
    ]


def test_where_too_many_wait_for_a_number_the_lowest_goes_on_at_once() -> None:
    folding = _door(stored=True)
    folding.send("com.x.built", sequence=1)
    for number in (6, 7, 8):
        assert folding.send("com.x.open", at=number, sequence=number) == "out-of-sequence"
    folding.send("com.x.open", at=3, sequence=3)
    assert folding.dead == []
    assert _numbers(folding) == [(1, "applied"), (3, "applied")], "the new one is the lowest"
    folding.send("com.x.open", at=9, sequence=9)
    assert [number for number, _ in _numbers(folding)] == [1, 3, 6, 7, 8, 9]
    assert folding.snapshot.gaps[1:] == [(2, 2), (4, 5)]
    assert folding.snapshot.waiting == 0


def test_an_early_numbered_event_waits_for_its_number_once_the_workflow_runs() -> None:
    folding = _door(stored=True)
    folding.send("com.x.open", at=2, sequence=3)
    folding.now_ms = 900
    folding.send("com.x.built", sequence=1)
    assert folding.waiting == [("com.x.open", "out-of-sequence")]
    assert folding.workflow.expires_ms(LIMITS) == 1_000, "it waits for its number since the start"
    folding.expire(999)
    assert folding.waiting
    folding.expire(1_000)
    assert folding.dead == []
    assert folding.last().reason == "sequence 2 never came"


def test_numbers_begin_anew_with_the_next_run() -> None:
    folding = _door()
    folding.send("com.x.built", sequence=5)
    folding.send("com.x.tear_down", at=1, sequence=6)
    folding.send("com.x.built", at=2, sequence=1)
    assert folding.send("com.x.open", at=3, sequence=2) == "applied"
    assert folding.snapshot.run == 2


def test_a_number_below_the_first_is_rejected_and_not_taken_for_a_duplicate() -> None:
    folding = _door(stored=True)
    folding.send("com.x.built")
    assert folding.send("com.x.open", at=2, sequence=1) == "applied"
    assert folding.send("com.x.close", at=1, sequence=0) == "rejected"
    assert folding.last().reason == "sequence 0 came after its turn"


def test_a_number_that_a_former_run_took_is_a_duplicate_and_one_that_nobody_took_is_not() -> None:
    folding = _door(stored=True)
    folding.send("com.x.open", id="first", sequence=2)
    folding.send("com.x.built", at=1, sequence=3)
    folding.send("com.x.tear_down", at=2, sequence=4)
    folding.send("com.x.built", at=3, sequence=5)
    assert folding.send("com.x.open", id="again", sequence=4) == "duplicate"
    assert folding.send("com.x.open", id="straggler", sequence=1) == "rejected"
    assert folding.last().reason == "sequence 1 came after its turn"
