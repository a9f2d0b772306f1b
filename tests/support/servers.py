"""Real servers for tests: Redis where the machine has one, and the embedded Valkey."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, ConnectionError
from redis.retry import Retry

from longspan.embedded import find_binary
from tests.support.waiting import wait_for

REDIS = shutil.which("redis-server")
VALKEY = str(find_binary())
DURABLE = ("--appendonly", "yes", "--maxmemory-policy", "noeviction")


def free_port() -> int:
    """A port of loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Reachable(Protocol):
    """What a process of Longspan is told to use."""

    @property
    def url(self) -> str:
        """What LONGSPAN_REDIS_URL has to be."""


class Server:
    """One server process on loopback with its data in `directory`; it can be killed and started again on the same data.

    `arguments` are options as on the server's command line, `settings` is a file of such, `password` what it asks for.
    """

    def __init__(
        self,
        binary: str,
        directory: Path,
        *arguments: str,
        port: int | None = None,
        settings: Path | None = None,
        password: str | None = None,
    ) -> None:
        self.port = port or free_port()
        self.directory = directory
        self._password = password
        self._command = [binary, *([str(settings)] if settings else []), "--port", str(self.port)]
        self._command += ["--bind", "127.0.0.1", "--dir", str(directory), "--save", "", "--daemonize", "no", *arguments]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What LONGSPAN_REDIS_URL has to be."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.launch()
        wait_for(self._answers)

    def launch(self) -> None:
        """Start it; does not wait for it."""
        with (self.directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def client(self) -> "Redis":
        """A client that never tries anything twice."""
        return Redis.from_url(self.url, retry=Retry(NoBackoff(), 0), password=self._password)

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.directory / "server.log").read_text()
        with self.client() as client:
            try:
                return not client.info("persistence").get("loading")
            except (ConnectionError, BusyLoadingError):
                return False


@contextmanager
def running(binary: str, directory: Path, *arguments: str) -> Iterator[Server]:
    """A durable server (append-only file, noeviction) until the block ends; `arguments` go after and win."""
    directory.mkdir(parents=True, exist_ok=True)
    server = Server(binary, directory, *DURABLE, *arguments)
    try:
        server.start()
        yield server
    finally:
        server.kill()
