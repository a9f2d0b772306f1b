"""The demo's worker and poller: verbs as processes of their own, which end with the demo however that ends."""

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from longspan.errors import LongspanError
from longspan.simulated_history import RISK_WORKFLOW
from longspan.simulated_system import System
from machines.catalog import EXAMPLES

_END_SECONDS = 20.0
_POLL_EVERY = "200ms"
_EVERY = re.compile(r"^(  (?:delay|interval): ).*$", re.MULTILINE)
_CONNECTIONS = 100


class ProcessEndedError(LongspanError):
    """A process of the demo ended although nobody asked it to."""

    def __init__(self, verb: str, status: int, log: Path) -> None:
        lines = log.read_text(errors="replace").strip().splitlines()
        super().__init__(
            f"the {verb} ended with status {status}: {lines[-1] if lines else 'it said nothing'} (see {log})"
        )


class DemoProcess:
    """`longspan VERB`, which runs while it is entered; `environment` comes beside what the demo itself has."""

    def __init__(self, verb: str, redis_url: str, environment: Mapping[str, str], log: Path) -> None:
        self._verb = verb
        self._log = log
        self._environment = {name: value for name, value in os.environ.items() if name not in _OURS}
        self._environment |= {"LONGSPAN_REDIS_URL": redis_url, "LONGSPAN_RETENTION": "1h", **environment}
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with open(self._log, "wb") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "longspan.tethered", self._verb],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environment,
            )
        return self

    def check(self) -> None:
        """Raises ProcessEndedError when it runs no more."""
        assert self._child is not None
        status = self._child.poll()
        if status is not None:
            raise ProcessEndedError(self._verb, status, self._log)

    def __exit__(self, *_: object) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        self._child.stdin.close()
        try:
            self._child.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def demo_worker(redis_url: str, endpoint: str | None, log: Path) -> DemoProcess:
    """The worker. `endpoint` is where its spans go, None for what the environment says."""
    environment = {}
    if endpoint is not None:
        past_proxies = ",".join(filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1"]))
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "NO_PROXY": past_proxies, "no_proxy": past_proxies}
    return DemoProcess("worker", redis_url, environment, log)


def demo_poller(redis_url: str, system_url: str, data: Path) -> DemoProcess:
    """The poller of the system at a URL."""
    machine = data / f"{RISK_WORKFLOW.machine}.yaml"
    document = (EXAMPLES / machine.name).read_text()
    # As often as makes sense where minutes pass within a second; all else is as it was shipped.
    machine.write_text(_EVERY.sub(rf"\g<1>{_POLL_EVERY}", document))
    environment = {
        "LONGSPAN_MACHINES": str(machine),
        "LONGSPAN_SOURCE_VARIABLES": "RISK_URL",
        "RISK_URL": system_url,
    }
    return DemoProcess("poll", redis_url, environment, data / "poll.log")


@contextlib.contextmanager
def demo_system(system: System) -> Iterator[str]:
    """The URL of the system's API, on a free port, while the block lasts. Raises ListenError."""
    from longspan.api_server import AppThread, listen, url_of
    from longspan.serving import ServerConfig
    from longspan.simulated_app import SimulatedApi
    from longspan.simulated_faults import Faults

    listening = listen("127.0.0.1", 0)
    api = SimulatedApi(system, Faults({}, system.seed), time.time_ns)
    with AppThread(api.app, listening, ServerConfig(listening, _CONNECTIONS), lambda: None):
        yield url_of(listening)


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
