"""A stop that nobody has to wait for."""

import threading


class Waits(threading.Event):
    """Notes how long it would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Not at all."""
        self.seconds.append(timeout or 0.0)
        return False
