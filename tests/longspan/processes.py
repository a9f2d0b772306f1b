"""The `longspan` command as a process of its own, with nothing of this process's settings."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Environment = dict[str, str]


def clean_environment(**settings: str) -> Environment:
    """This process's environment without settings of Longspan and OpenTelemetry, and with these.

    Workers keep their priority: what else the machine does is not to slow a test.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LONGSPAN_", "OTEL_"))}
    return inherited | {"LONGSPAN_NICE": "0"} | settings


def longspan(
    *arguments: str, settings: Mapping[str, str], stdin: str = "", cwd: Path | None = None, seconds: float = 60
) -> "subprocess.CompletedProcess[str]":
    """Run a verb to its end."""
    return subprocess.run(
        [sys.executable, "-m", "longspan", *arguments],
        env=clean_environment(**settings),
        input=stdin,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@contextmanager
def running(
    *arguments: str, settings: Mapping[str, str], log: Path, cwd: Path | None = None
) -> "Iterator[subprocess.Popen[Any]]":
    """A verb that runs until the block ends; then it and what it started are killed. `log` gets what it prints."""
    with typed(
        sys.executable, "-m", "longspan", *arguments, settings=clean_environment(**settings), log=log, cwd=cwd
    ) as process:
        yield process


@contextmanager
def typed(
    *command: str, settings: Environment, log: Path, cwd: Path | None = None
) -> "Iterator[subprocess.Popen[Any]]":
    """Any command, until the block ends; then it and what it started are killed. `settings` is its environment."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=cwd,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def accepts(port: int) -> bool:
    """Whether somebody listens on a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def children(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs, zombies not counted."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
