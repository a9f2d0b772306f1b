"""A stop whose waits take no time."""

import threading


class Pauses(threading.Event):
    """Remembers how long was waited, at once; it is set after `most` waits."""

    def __init__(self, most: int = 1_000) -> None:
        super().__init__()
        self.most = most
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Note the wait."""
        assert timeout is not None
        self.seconds.append(timeout)
        if len(self.seconds) >= self.most:
            self.set()
        return self.is_set()
