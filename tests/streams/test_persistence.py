"""Going on after a fault of the server."""

import logging
import threading
from typing import Any

import pytest

from streams.persistence import FIRST_SECONDS, LONGEST_SECONDS, Persistence


class Waits(threading.Event):
    """Notes how long it would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Not at all."""
        self.seconds.append(timeout or 0.0)
        return False


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
