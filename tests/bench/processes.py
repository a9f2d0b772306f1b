"""Processes under measurement: started in a session of their own, frozen, counted, ended. Linux only (/proc)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

STOP_SECONDS = 60.0
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Group:
    """A command and all the processes it starts."""

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        self.begun = time.monotonic()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, env={**os.environ, **environment}, stdout=output, stderr=output, start_new_session=True
            )

    def alive(self) -> None:
        """Raises RuntimeError, with what the command printed, when it has ended."""
        if self._process.poll() is not None:
            raise RuntimeError(f"the process ended with {self._process.returncode}:\n{self.log.read_text()[-2_000:]}")

    def freeze(self) -> None:
        """Stop all its processes where they are."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        os.killpg(self._process.pid, signal.SIGCONT)

    def end(self) -> None:
        """Kill what is left of it."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            self._process.wait()

    def stop(self) -> None:
        """SIGTERM, and wait until it has given up what it holds. Raises RuntimeError when it does not end."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"the process did not end within {STOP_SECONDS} s: {self.log}") from None

    def pids(self) -> list[int]:
        """The process of the command, then those it has started."""
        started = [int(fields[0]) for fields in self._stats()]
        return sorted(started, key=lambda pid: pid != self._process.pid)

    def cpu_seconds(self) -> float:
        """Processor time that its living threads have used, to the nanosecond."""
        return sum(map(cpu_seconds, self.pids()))

    def resident_bytes(self) -> int:
        """Resident memory of its processes together; pages that they share count for each."""
        return sum(int(fields[22]) for fields in self._stats()) * _PAGE

    def count(self) -> int:
        """How many processes it has."""
        return sum(1 for _ in self._stats())

    def _stats(self) -> Iterator[list[str]]:
        """The process id of each, then the fields of proc(5)'s `stat` from the third on."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = [entry.name, *(entry / "stat").read_text().rpartition(")")[2].split()]
                except (FileNotFoundError, ProcessLookupError):
                    continue
                if int(fields[4]) == self._process.pid and fields[1] != "Z":
                    yield fields


def cpu_seconds(pid: int) -> float:
    """Processor time that the living threads of a process have used, to the nanosecond."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 10**9


@contextmanager
def started(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[Group]:
    """The command until the block ends."""
    group = Group(command, environment, log)
    try:
        yield group
    finally:
        group.end()


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module with this interpreter."""
    return [sys.executable, "-m", module, *arguments]
