"""The embedded server of a test run: started once, and ended with it."""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

from longspan.embedded import adopt_server, open_lock, take_lock
from longspan.errors import EmbeddedServerError
from longspan.store import load_redis

TRIES = 3  # two that start at once may choose the same port
_END_SECONDS = 10.0


class StackServer:
    """The embedded server of a directory that nobody else uses."""

    def __init__(self, data: Path) -> None:
        self.url = ""
        self._data = data

    def start(self) -> "StackServer":
        """Start it, and meanwhile import what works with it. Raises EmbeddedServerError."""
        failures: list[EmbeddedServerError] = []

        def adopt() -> None:
            for _ in range(TRIES):
                try:
                    self.url = adopt_server(self._data)
                    return
                except EmbeddedServerError as error:
                    failures.append(error)

        thread = threading.Thread(target=adopt, name="embedded server")
        thread.start()
        try:
            load_redis()  # before anything that loads OpenTelemetry, for which it would wait
            import longspan.testing.stack  # noqa: F401  takes as long as the server does
        finally:
            thread.join()
        if not self.url:
            raise failures[-1]
        return self

    def stop(self) -> None:
        """Tell its guard to end it, and wait for that."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((self._data / "guard.pid").read_text()), signal.SIGTERM)
        deadline = time.monotonic() + _END_SECONDS
        with open_lock(self._data / "guard.lock") as lock:
            while not take_lock(lock) and time.monotonic() < deadline:
                time.sleep(0.005)
