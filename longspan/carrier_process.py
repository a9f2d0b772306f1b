"""The carrier as a child process of the worker: started, watched, started again when it dies, and ended in order."""

import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from longspan.carrier_report import CarrierReport, read_report
from longspan.errors import WRONG_USE

logger = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 5.0  # nothing is routed meanwhile, unless by another worker
_STEADY_SECONDS = 60.0  # who lived that long is started again without much ado


class CarrierProcess:
    """Keeps `python -m longspan.carrier` running; `report` is the last that it told of its work.

    The child ends when its stdin does, so it never outlives this process. Until `go` it only loads what it needs: that
    takes as long as what this process has to load. `give_up` is called when its settings are wrong: then starting it
    again is no use.
    """

    def __init__(self, give_up: Callable[[], None]) -> None:
        self._environment: dict[str, str] = {}
        self._give_up = give_up
        self._may_go = False
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_running, name="carrier", daemon=True)
        self.exit_status = 0
        self.report = CarrierReport()

    def start(self, redis_url: str) -> None:
        """Start it, and a thread that watches it."""
        # The URL may hold a password: the environment is this user's to read, an argument everybody's.
        self._environment = {**os.environ, "LONGSPAN_REDIS_URL": redis_url}
        self._spawn()
        self._thread.start()

    def go(self) -> None:
        """Let it begin, now and whenever it is started again."""
        with self._lock:
            self._may_go = True
            self._tell()

    def stop(self) -> None:
        """Let it finish the request in hand, and wait until it has ended."""
        self._stopping.set()
        with self._lock:
            if self._child is not None and self._child.stdin is not None:
                self._child.stdin.close()
        if self._thread.ident is not None:
            self._thread.join()

    def is_alive(self) -> bool:
        """Whether the process runs just now."""
        return self._child is not None and self._child.poll() is None

    def kill(self) -> None:
        """End it at once."""
        if self._child is not None:
            self._child.kill()

    def _spawn(self) -> None:
        with self._lock:
            if not self._stopping.is_set():
                self._child = subprocess.Popen(
                    [sys.executable, "-P", "-m", "longspan.carrier"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=self._environment,
                )
                if self._may_go:
                    self._tell()

    def _tell(self) -> None:
        """Under the lock."""
        if self._child is not None and self._child.stdin is not None:
            with contextlib.suppress(OSError, ValueError):  # it has just died, or its stdin was closed
                self._child.stdin.write(b"\n")
                self._child.stdin.flush()

    def _read_reports(self, child: subprocess.Popen[bytes]) -> None:
        """Until it ends."""
        assert child.stdout is not None
        with child.stdout:
            for line in child.stdout:
                self.report = read_report(line) or self.report
        self.report = CarrierReport()

    def _keep_running(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while self._child is not None:
            began = time.monotonic()
            self._read_reports(self._child)
            self.exit_status = self._child.wait()
            if self._child.stdin is not None:
                self._child.stdin.close()
            if self._stopping.is_set():
                return
            if self.exit_status == WRONG_USE:
                self._give_up()
                return
            if time.monotonic() - began > _STEADY_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            logger.error("the carrier ended with status %d; starting it again in %.1f s", self.exit_status, pause)
            if self._stopping.wait(pause):
                return
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            self._spawn()
