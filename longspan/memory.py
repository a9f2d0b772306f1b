"""What a process has loaded when it begins its work: memory that was only needed for that is given back."""

import ctypes
import gc
import sys

SELDOM = 100_000  # new objects


def settle_memory() -> None:
    """Return freed memory to the system, where the C library can (glibc), and leave what is there out of collections.

    What imports have used and freed stays with the process otherwise, some 10 MB of 50. What they have left stays for
    as long as the process does: looking through it for garbage takes 50 ms, in which no thread does anything else.
    """
    gc.collect()
    gc.freeze()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def collect_seldom() -> None:
    """For what handles one event after the other: what is there stays, and new garbage is rarely a cycle.

    Looking for cycles as often as Python does by itself takes an eighth of the time of a replay, and of a worker that
    keeps many workflows in memory.
    """
    settle_memory()
    gc.set_threshold(SELDOM)
