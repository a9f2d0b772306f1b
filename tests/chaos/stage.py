"""Everything that a round is played on: a server, an endpoint, and workers that each have a network of their own."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.chaos.collector import SENDER, Endpoint
from tests.chaos.link import Link
from tests.journey.running import WorkerProcess, on_host
from tests.support.servers import Server, running

PREFIX = "chaos"
GAVE_UP = 1  # the exit status of a worker that finds no server when it starts: whoever runs it starts it again


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What a worker was disturbed by, from when to when (monotonic): it may know nothing of a request of that time."""

    kind: str
    worker: str
    begin_seconds: float
    end_seconds: float


class Place:
    """Where one worker runs. `turn` is held by whoever does something to it."""

    def __init__(self, name: str, link: Link, process: WorkerProcess) -> None:
        self.name = name
        self.link = link
        self.process = process
        self.turn = threading.Lock()


class Stage:
    """Servers and places, running while it is entered as a context. `room` keeps data and logs.

    Workers know nothing of each other's processes, as on different machines, unless `together`. `hurry` asks for a
    burst of events: a fault hurts most where there is much to do.
    """

    def __init__(
        self, redis: str, room: Path, machines: Path, names: tuple[str, ...], seed: int, lease: str, *, together: bool
    ) -> None:
        self.endpoint = Endpoint(seed)
        self.disturbances: list[Disturbance] = []
        self.stopping = threading.Event()
        self.places: dict[str, Place] = {}
        self.server: Server
        self.hurry: Callable[[], None] = _nobody
        self._redis = redis
        self._room = room
        self._machines = machines
        self._names = names
        self._lease = lease
        self._together = together
        self._exits = ExitStack()

    def disturbed(self, kind: str, worker: str, begin_seconds: float) -> None:
        """Note what has just ended."""
        self.disturbances.append(Disturbance(kind, worker, begin_seconds, time.monotonic()))

    def look_after(self) -> list[str]:
        """Start workers again that gave up; a line for each that ended in another way. To be called now and then."""
        wrong = []
        for place in self.places.values():
            if place.turn.acquire(blocking=False):
                status = place.process.ended
                if status == GAVE_UP:
                    place.process.start()
                elif status is not None:
                    wrong.append(f"worker {place.name} ended by itself with status {status}")
                place.turn.release()
        return wrong

    def logs(self) -> list[Path]:
        """What the workers have printed."""
        return sorted(self._room.glob("worker-*.log"))

    def __enter__(self) -> Self:
        with ExitStack() as exits:
            # `always`: with `everysec` the server may answer before it has written, and a kill would take that back.
            self.server = exits.enter_context(running(self._redis, self._room / "redis", "--appendfsync", "always"))
            exits.enter_context(self.endpoint)
            for number, name in enumerate(self._names):
                link = exits.enter_context(Link(self.server.port))
                process = self._worker(name, "here" if self._together else f"host-{number}", link)
                self.places[name] = Place(name, link, process)
                exits.callback(process.kill)
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        for place in self.places.values():
            place.link.heal()
        self._exits.close()

    def _worker(self, name: str, host: str, link: Link) -> WorkerProcess:
        return WorkerProcess(
            self.server,
            self.endpoint,
            PREFIX,
            self._machines,
            self._room / f"worker-{name}.log",
            LONGSPAN_REDIS_URL=link.url,
            LONGSPAN_LEASE=self._lease,
            LONGSPAN_REORDER_WAIT="1h",
            LONGSPAN_EARLY_WAIT="1h",
            OTEL_EXPORTER_OTLP_HEADERS=f"{SENDER}={name}",
            **on_host(host),
        )


def _nobody() -> None:
    """Nobody sends events yet."""
