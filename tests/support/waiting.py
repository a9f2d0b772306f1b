"""Waiting for a fact with a deadline, instead of sleeping and hoping."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Fact = TypeVar("Fact")

_pause = threading.Event()


def wait_for(fact: Callable[[], Fact], seconds: float = 10.0, *, every_seconds: float = 0.005) -> Fact:
    """The first truthy answer of `fact`, asked again and again; AssertionError after `seconds` without one."""
    deadline = time.monotonic() + seconds
    while True:
        answer = fact()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{getattr(fact, '__qualname__', fact)} was still {answer!r} after {seconds} s")
        _pause.wait(every_seconds)
