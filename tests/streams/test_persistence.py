"""Going on after a fault of the server."""

import logging
from typing import Any

import pytest
import redis

from streams.errors import describe
from streams.persistence import FIRST_SECONDS, LONGEST_SECONDS, Persistence, when_loaded
from tests.support.waits import Waits


def test_waits_grow_to_a_bound_and_begin_anew_after_a_success() -> None:
    stop, patience = Waits(), Persistence(logging.getLogger("test"), "the worker")
    for _ in range(2_000):
        patience.failed(OSError("away"), stop)
    assert stop.seconds[:3] == [FIRST_SECONDS, 2 * FIRST_SECONDS, 4 * FIRST_SECONDS]
    assert max(stop.seconds) == stop.seconds[-1] == LONGEST_SECONDS
    patience.succeeded()
    patience.failed(OSError("away"), stop)
    assert stop.seconds[-1] == FIRST_SECONDS


def test_one_line_when_it_begins_one_when_the_reason_changes_and_one_when_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stop: Any = Waits()
    patience = Persistence(logging.getLogger("test"), "the worker")
    with caplog.at_level(logging.INFO):
        patience.succeeded()
        for reason in ["away", "away", "loading", "loading"]:
            patience.failed(OSError(reason), stop)
        patience.succeeded()
        patience.succeeded()
    assert [record.getMessage() for record in caplog.records] == [
        "the worker waits: OSError: away",
        "the worker waits: OSError: loading",
        "the worker goes on after 4 failed tries",
    ]


def test_a_server_that_is_away_is_told_of_once_however_each_try_fails(caplog: pytest.LogCaptureFixture) -> None:
    stop: Any = Waits()
    patience = Persistence(logging.getLogger("test"), "the worker")
    for error in (redis.ConnectionError("closed."), redis.ConnectionError("refused"), redis.TimeoutError("too late")):
        patience.failed(error, stop)
    patience.failed(redis.BusyLoadingError("Redis is loading the dataset in memory"), stop)
    assert [record.getMessage() for record in caplog.records] == [
        "the worker waits: Redis cannot be reached: closed. Check LONGSPAN_REDIS_URL and that it is running",
        "the worker waits: Redis is loading its data: wait until it has",
    ]


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (
            redis.ReadOnlyError("You can't write against a read only replica."),
            "let LONGSPAN_REDIS_URL name the primary",
        ),
        (redis.ResponseError("UNBLOCKED force unblock from blocking operation, instance state changed"), "the primary"),
        (redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), "raise maxmemory"),
        (redis.AuthenticationError("WRONGPASS"), "correct LONGSPAN_REDIS_URL"),
        (redis.ConnectionError("CERTIFICATE_VERIFY_FAILED certificate verify failed: self (_ssl"), "set ssl_ca_certs"),
    ],
)
def test_a_fault_of_the_server_is_told_with_its_remedy_in_one_line(error: Exception, remedy: str) -> None:
    assert remedy in describe(error)
    assert "\n" not in describe(error)


def test_a_server_that_loads_is_waited_for_and_no_other_fault(caplog: pytest.LogCaptureFixture) -> None:
    stop: Any = Waits()
    faults: list[Exception] = [redis.BusyLoadingError("loading")] * 3

    def ask() -> int:
        if faults:
            raise faults.pop()
        return 7

    def start() -> int | None:
        return when_loaded(ask, Persistence(logging.getLogger("test"), "the start"), stop)

    with caplog.at_level(logging.INFO):
        assert start() == 7
    assert len(stop.seconds) == 3
    assert len(caplog.records) == 2
    faults.append(redis.ConnectionError("refused"))
    with pytest.raises(redis.ConnectionError):
        start()
    stop.set()
    assert start() is None
