"""When who is asked: intervals, back-off, the pauses of hosts, and what an answer asks for."""

import pytest

from longspan.polling.asking import Fault, read_retry_after
from longspan.polling.host import Host
from longspan.polling.waits import first_wait_ms, next_wait_ms

DOWN = Fault("unreachable", "down")
SLOW = Fault("timeout", "slow")


def test_a_workflow_that_has_just_begun_is_asked_for_after_the_delay_and_others_are_spread() -> None:
    assert first_wait_ms(5_000, 10_000, 0, 0.9) == 5_000
    assert first_wait_ms(5_000, 10_000, 2_000, 0.9) == 3_000
    assert first_wait_ms(5_000, 10_000, -99_000, 0.9) == 5_000
    assert first_wait_ms(5_000, 10_000, 3_600_000, 0.5) == 5_000
    assert first_wait_ms(0, 10_000, 1_000, 0.5) == 500


def test_intervals_vary_by_the_jitter_and_failures_make_them_longer_up_to_a_bound() -> None:
    assert [next_wait_ms(10_000, 0.1, 0, 300_000, None, spread) for spread in (0, 0.5, 1)] == [9_000, 10_000, 11_000]
    waits = [next_wait_ms(10_000, 0.0, failures, 300_000, None, 0.5) for failures in (1, 2, 3, 9, 10_000)]
    assert waits == [10_000, 20_000, 40_000, 300_000, 300_000]
    assert next_wait_ms(10_000, 0.0, 1, 300_000, 60_000, 0.5) == 60_000


@pytest.mark.parametrize(
    ("value", "wait_ms"),
    [
        (None, None),
        ("120", 120_000),
        ("99999999", 3_600_000),
        ("-1", None),
        ("soon", None),
        ("Sun, 22 Nov 2026 16:00:30 GMT", 30_000),
        ("Sun, 22 Nov 2026 15:00:00 GMT", 0),
        ("Sun, 99 Nov 2026 15:00:00 GMT", None),
    ],
)
def test_an_answer_says_when_to_ask_again_in_seconds_or_as_a_date(value: str | None, wait_ms: int | None) -> None:
    assert read_retry_after(value, 1_795_363_200.0) == wait_ms


def test_pollers_share_what_a_host_may_be_asked_at_once_and_the_least_of_its_machines_counts() -> None:
    host = Host("http://risk", 8, 60_000)
    host.join(6, 300_000)
    host.under_way = 2
    assert host.has_room(0, 2)
    host.under_way = 3
    assert not host.has_room(0, 2)
    assert host.has_room(0, 1)
    assert host.has_room(0, 99) is False
    host.under_way = 0
    assert host.has_room(0, 99)  # one each, however many they are


def test_a_host_that_is_down_is_asked_by_one_after_pauses_that_grow() -> None:
    host = Host("http://risk", 8, 3_000)
    assert host.note(DOWN, 0)
    assert not host.has_room(999, 1)
    assert host.has_room(1_000, 1)
    host.under_way = 1
    assert not host.has_room(1_000, 1)  # one alone, until it is answered
    assert host.note(DOWN, 1_000)
    assert not host.has_room(2_999, 1)
    host.under_way = 0
    for now_ms in (3_000, 6_000, 9_000):
        assert host.has_room(now_ms, 1)
        assert host.note(DOWN, now_ms)
    assert not host.note(None, 12_000)
    assert (host.fault, host.has_room(12_000, 1)) == (None, True)


def test_one_slow_answer_is_not_the_hosts_fault_but_many_in_a_row_are() -> None:
    host = Host("http://risk", 2, 60_000)
    assert [host.note(SLOW, 0) for _ in range(3)] == [False, False, True]
    assert host.fault == SLOW
    assert not host.note(Fault("status-404", "404"), 5_000)  # that is an answer
    assert host.fault is None


@pytest.mark.parametrize(
    ("fault", "paused"),
    [
        (Fault("status-429", ""), True),
        (Fault("status-429", "", 7_000), True),
        (Fault("status-503", "", 7_000), True),
        (Fault("status-503", ""), False),
        (Fault("status-500", ""), False),
    ],
)
def test_a_system_that_asks_for_rest_gets_it(fault: Fault, paused: bool) -> None:
    host = Host("http://risk", 8, 60_000)
    assert host.note(fault, 0) is paused
    assert host.has_room(fault.retry_after_ms or 1_000, 1)
    assert host.has_room((fault.retry_after_ms or 1_000) - 1, 1) is not paused
