"""Ties a child process to its parent: the parent holds a pipe to the child's stdin, and its end is the parent's end."""

import os
import sys
import threading
from collections.abc import Callable


def when_parent_ends(act: Callable[[], None], told: Callable[[], None] = lambda: None) -> None:
    """Call `act` in a thread when stdin ends, which is when the parent closes it or dies, however it dies.

    `told` is called whenever the parent writes something.
    """

    def watch() -> None:
        while os.read(stdin, 4096):
            told()
        act()

    stdin = sys.stdin.fileno()
    threading.Thread(target=watch, name="tether", daemon=True).start()
