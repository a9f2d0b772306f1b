"""Faults of a server while a worker is at work, and what the worker says of them."""

import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from longspan.receiver import Receiver
from tests.journey.running import WorkerProcess
from tests.support.servers import Server
from tests.support.waiting import wait_for

FILLERS = 3_000
LOADS_SLOWLY = ("--key-load-delay", "5000", "--loading-process-events-interval-bytes", "1024")  # microseconds a key
MOST_COMMANDS_A_SECOND = 200  # of the worker and of its producer, which tries again twenty times a second
TICKS = os.sysconf("SC_CLK_TCK")
_LOOPS = re.compile(r"(?:the (?P<who>worker|router|start) (?P<does>waits|goes on))")
_TOLD = {  # what a loop of the exporter says when a fault begins, and when it is over
    "The outbox cannot be read or acknowledged": "The outbox can be read again",
    "the right to export cannot be renewed": "the right to export is renewed again",
}


class Log:
    """The log of a worker, from some place on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def turn_page(self) -> None:
        """From here on."""
        self._read = len(self._all())

    def lines(self) -> list[str]:
        """What was written since."""
        return self._all()[self._read :]

    def says(self, *texts: str) -> bool:
        """Whether each of these stands in some line."""
        return all(any(text in line for line in self.lines()) for text in texts)

    def unfinished(self) -> set[str]:
        """The loops that told of a fault and not yet that it is over."""
        waiting: set[str] = set()
        for line in self.lines():
            if found := _LOOPS.search(line):
                (waiting.add if found["does"] == "waits" else waiting.discard)(found["who"])
            for begins, ends in _TOLD.items():
                if begins in line:
                    waiting.add(begins)
                if ends in line:
                    waiting.discard(begins)
        return waiting

    def assert_calm(self, most_beginnings: int) -> None:
        """AssertionError where a loop told more often than that that a fault begins, or anybody showed a traceback."""
        text = "\n".join(self.lines())
        assert "Traceback" not in text, text
        begun = Counter(
            found["who"] for line in self.lines() if (found := _LOOPS.search(line)) and found["does"] == "waits"
        )
        begun.update(begins for line in self.lines() for begins in _TOLD if begins in line)
        assert max(begun.values(), default=0) <= most_beginnings, text
        others = [line for line in self.lines() if " error " in line and not _LOOPS.search(line)]
        assert not others, text

    def _all(self) -> list[str]:
        return self._path.read_text().splitlines() if self._path.exists() else []


class Hardship:
    """A worker that is at work on a server, which was started with LOADS_SLOWLY."""

    def __init__(self, server: Server, receiver: Receiver, process: WorkerProcess) -> None:
        self.server = server
        self.log = Log(process.log)
        self._receiver = receiver
        self._process = process
        self._stopping = threading.Event()

    def flows(self) -> None:
        """Wait until more spans have come, and every loop says that it goes on."""
        count = len(self._receiver.spans)

        def goes_on() -> bool:
            self._process.check()
            return len(self._receiver.spans) > count and not self.log.unfinished()

        wait_for(goes_on, 30)

    def forget_scripts(self) -> None:
        """SCRIPT FLUSH."""
        self._ask("SCRIPT", "FLUSH", "SYNC")

    def cut_connections(self) -> None:
        """CLIENT KILL of everybody."""
        self._ask("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES")

    def empty(self) -> None:
        """FLUSHALL."""
        self._ask("FLUSHALL", "SYNC")

    def restart(self) -> None:
        """kill -9, and a start with the data that it has kept."""
        self.server.kill()
        self.server.start()

    def demote(self, seconds: float) -> None:
        """A read-only replica, of a primary that is not there, for a while."""
        self._ask("REPLICAOF", "127.0.0.1", "1")
        remedy = "Redis is a read-only replica: let LONGSPAN_REDIS_URL name the primary, or make this server one"
        wait_for(lambda: self.log.says(*(f"the {who} waits: {remedy}" for who in ("worker", "router"))))
        before = self._commands()
        self.is_idle(seconds)
        asked = self._commands() - before
        assert asked < MOST_COMMANDS_A_SECOND * seconds, f"{asked} commands in {seconds} s in which none is carried out"
        self._ask("REPLICAOF", "NO", "ONE")

    def stall(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT afterwards."""
        os.kill(self.server.pid, signal.SIGSTOP)
        try:
            self.is_idle(seconds)
        finally:
            os.kill(self.server.pid, signal.SIGCONT)

    def load(self, meanwhile: Callable[[], None]) -> None:
        """Restart with data that take long to load, until `meanwhile` has returned."""
        with self.server.client() as client:
            pipeline: Any = client.pipeline(transaction=False)
            for number in range(FILLERS):
                pipeline.set(f"filler:{number}", b"x" * 1_100)
            pipeline.execute()
            client.execute_command("BGREWRITEAOF")
            wait_for(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
        self.server.kill()
        self.server.launch()
        wait_for(
            lambda: self.log.says(*(f"the {who} waits: Redis is loading its data" for who in ("worker", "router")))
        )
        with self.server.client() as client:
            meanwhile()
            client.config_set("key-load-delay", 0)
            wait_for(lambda: not client.info("persistence")["loading"])

    def is_idle(self, seconds: float) -> None:
        """AssertionError where the worker is busy for that long, although nothing can be done."""
        began, limit = self._cpu_seconds(), 0.2 * seconds + 0.5
        self._stopping.wait(seconds)
        used = self._cpu_seconds() - began
        assert used < limit, f"{used:.1f} s of CPU in {seconds} s in which nothing could be done"

    def _commands(self) -> int:
        with self.server.client() as client:
            return int(client.info("stats")["total_commands_processed"])

    def _cpu_seconds(self) -> float:
        return (
            sum(
                sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
                for pid in self._process.pids
            )
            / TICKS
        )

    def _ask(self, *command: str) -> None:
        with self.server.client() as client:
            client.execute_command(*command)
