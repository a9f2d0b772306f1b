"""The demo's worker: `longspan worker` as a process of its own, which ends with the demo however that ends."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

from longspan.errors import LongspanError

_END_SECONDS = 20.0


class WorkerEndedError(LongspanError):
    """The worker ended although nobody asked it to."""

    def __init__(self, status: int, log: Path) -> None:
        lines = log.read_text(errors="replace").strip().splitlines()
        super().__init__(
            f"the worker ended with status {status}: {lines[-1] if lines else 'it said nothing'} (see {log})"
        )


class DemoWorker:
    """Runs while it is entered. `endpoint` is where its spans go, None for what the environment says."""

    def __init__(self, redis_url: str, endpoint: str | None, log: Path) -> None:
        self._log = log
        self._environment = {name: value for name, value in os.environ.items() if name not in _OURS}
        self._environment |= {"LONGSPAN_REDIS_URL": redis_url, "LONGSPAN_RETENTION": "1h"}
        if endpoint is not None:
            self._environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
            past_proxies = [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1"]
            self._environment["NO_PROXY"] = self._environment["no_proxy"] = ",".join(filter(None, past_proxies))
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with open(self._log, "wb") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "longspan.tethered", "worker"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environment,
            )
        return self

    def check(self) -> None:
        """Raises WorkerEndedError when it runs no more."""
        assert self._child is not None
        status = self._child.poll()
        if status is not None:
            raise WorkerEndedError(status, self._log)

    def __exit__(self, *_: object) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        self._child.stdin.close()
        try:
            self._child.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


# Settings of a real installation, which the demo leaves alone.
_OURS = (
    "LONGSPAN_EXPORTER_REDIS_URL",
    "LONGSPAN_MACHINES",
    "LONGSPAN_PARTITIONS",
    "LONGSPAN_PREFIX",
    "LONGSPAN_REDIS_AUTH",
    "LONGSPAN_REDIS_PASSWORD_FILE",
    "LONGSPAN_REDIS_URL",
    "LONGSPAN_RETENTION",
)
