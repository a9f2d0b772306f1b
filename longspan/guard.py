"""The guard of the embedded server: `python -m longspan.guard DIRECTORY`, detached from whoever started it.

It ends the server when nobody has used it for a while, or at once when it is told to by SIGTERM.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

from longspan.embedded import find_binary, open_lock, take_lock
from longspan.errors import EmbeddedServerError
from longspan.probe import OWN_HOST, Probe

USUAL_PORT = 7379
IDLE_SECONDS = 10.0
_LOOK_SECONDS = 1.0
_START_SECONDS = 10.0
_TRIES = 3


class Guard:
    """Starts the server of a directory, or takes over one that a dead guard left, and ends it when it is idle.

    Of its files, `server.port` is where the server listens or is about to, and `port` where it has answered.
    """

    def __init__(self, data: Path, idle_seconds: float = IDLE_SECONDS) -> None:
        self.told_to_end = threading.Event()
        self._data = data
        self._idle_seconds = idle_seconds
        self._server: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Until the server has had no user for a while. Raises EmbeddedServerError."""
        port = self._start_or_take_over()
        self._write("port", port)
        idle_since = time.monotonic()
        while not self.told_to_end.wait(min(_LOOK_SECONDS, self._idle_seconds)):
            clients = self._count_clients(port)
            if clients is None:
                port = self._start_if_dead(port)
                self._write("port", port)
            elif clients > 0:
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > self._idle_seconds and self._end(port):
                return
        self._end(port, whoever_uses_it=True)

    def _start_or_take_over(self) -> int:
        self._published.unlink(missing_ok=True)
        with open_lock(self._data / "server.lock") as lock:
            if take_lock(lock):
                return self._start(lock, self._choose_port(USUAL_PORT))
        return int((self._data / "server.port").read_text())

    def _start_if_dead(self, port: int) -> int:
        with open_lock(self._data / "server.lock") as lock:
            return self._start(lock, self._choose_port(port)) if take_lock(lock) else port

    def _choose_port(self, usual: int) -> int:
        for wanted in (usual, 0):
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((OWN_HOST, wanted))
                return int(probe.getsockname()[1])
        raise EmbeddedServerError("no port of 127.0.0.1 is free", "Close programs that listen on it.")

    def _start(self, lock: BinaryIO, port: int) -> int:
        for _ in range(_TRIES):
            if self._run_server(lock, port):
                return port
            port = self._choose_port(0)  # another directory's server may have taken it meanwhile
        raise EmbeddedServerError(f"it does not run, see {self._data / 'valkey.log'}", "Mend that.")

    def _run_server(self, lock: BinaryIO, port: int) -> bool:
        """Start it; whether it answers, and not another one at this port."""
        self._write("server.port", port)
        options = {
            "port": str(port),
            "bind": OWN_HOST,
            "dir": str(self._data),
            "appendonly": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        with open(self._data / "valkey.log", "ab") as log:
            # The server inherits its lock, so the lock is held for as long as the server lives.
            self._server = subprocess.Popen(
                [find_binary(), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock.fileno(),),
            )
        deadline = time.monotonic() + _START_SECONDS
        while self._count_clients(port) is None:
            if self._server.poll() is not None:
                return False
            if time.monotonic() > deadline:
                raise EmbeddedServerError(f"it does not run, see {self._data / 'valkey.log'}", "Mend that.")
            time.sleep(0.005)
        return True

    def _count_clients(self, port: int) -> int | None:
        """Clients other than the guard; None when the server does not answer, or another one does."""
        if self._server is not None and self._server.poll() is not None:
            return None
        try:
            with contextlib.closing(Probe(port)) as probe:
                if self._server is not None and probe.process_id() != self._server.pid:
                    return None
                return probe.client_count() - 1
        except OSError:
            return None

    def _end(self, port: int, *, whoever_uses_it: bool = False) -> bool:
        """End the server; False when somebody has come meanwhile."""
        with open_lock(self._data / "users.lock") as users, open_lock(self._data / "server.lock") as lock:
            if not take_lock(users) and not whoever_uses_it:
                return False
            self._published.unlink(missing_ok=True)
            if self._count_clients(port) is not None:
                with contextlib.suppress(OSError), contextlib.closing(Probe(port)) as probe:
                    probe.shut_down()
            if self._server is not None:
                self._server.wait()
            while not take_lock(lock):
                time.sleep(0.01)
        return True

    @property
    def _published(self) -> Path:
        return self._data / "port"

    def _write(self, name: str, number: int) -> None:
        fresh = self._data / f"{name}.new"
        fresh.write_text(str(number))
        fresh.replace(self._data / name)


def main(data: Path, idle_seconds: float) -> None:
    """Guard the directory's server, unless another guard does."""
    guard_lock = open_lock(data / "guard.lock")
    if not take_lock(guard_lock):
        return
    (data / "guard.pid").write_text(str(os.getpid()))
    guard = Guard(data, idle_seconds)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: guard.told_to_end.set())
    try:
        guard.run()
    except EmbeddedServerError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else IDLE_SECONDS)
