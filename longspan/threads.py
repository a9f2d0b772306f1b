"""The threads of one process: how long one that works keeps the others from Python's lock."""

import sys

SWITCH_SECONDS = 0.0005  # Python's own is ten times that


def take_turns() -> None:
    """Let a thread whose answer from Redis has come wait no longer for the one that works."""
    sys.setswitchinterval(SWITCH_SECONDS)
