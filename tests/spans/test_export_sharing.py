"""Several exporters at once: whoever comes or goes, and at whatever moment, every span arrives exactly once."""

import itertools
import random
from collections.abc import Callable, Iterator, Sequence

import pytest

from spans import export
from spans.answer import Answer, Delivered, Refused, Unavailable
from streams.export_leases import ExportLeases
from streams.keys import Keys
from streams.outbox import Outbox
from tests.spans.export_runs import RUN, WHOLE, exporter, ids
from tests.spans.journals import header
from tests.spans.ledger import PARTITIONS, Ledger
from tests.spans.pauses import Pauses
from tests.streams.interruption import Countdown, Hook, Interrupted
from tests.support.probe import Probe
from tests.support.seeds import seeds
from tests.support.servers import Server

LEASE_MS = 60_000
NAMES = [f"o-{number}" for number in range(9)]


class Process:
    """One exporter of several, driven by hand: `hook` is called before each of its round trips and requests."""

    def __init__(self, ledger: Ledger, send: Callable[[Sequence[bytes]], Answer], hook: Hook) -> None:
        client = Interrupted(ledger.client, hook)
        self._send, self._hook = send, hook
        # The thread that keeps the leases is another one, and stops nowhere.
        self.leases = ExportLeases(ledger.client, ledger.keys, PARTITIONS, LEASE_MS, lambda: 0)
        self.exporting = exporter(ledger, self, self.leases, Outbox(client, ledger.keys, PARTITIONS))
        self.busy = False

    def send(self, spans: Sequence[bytes]) -> Answer:
        """One request."""
        self._hook([])
        answer = self._send(spans)
        self._hook([])
        return answer

    def step(self) -> bool:
        """One step of the export; false where nothing was found."""
        self.busy = True
        try:
            return bool(self.exporting.drain_once(Pauses(), 0))
        finally:
            self.busy = False


class Town:
    """An outbox with nine ended runs, an endpoint that all share, and who exports at the moment.

    The endpoint refuses what is too large, and every fifth request is in vain, all of them while it is `down`;
    `arrived` are the ids that it took.
    """

    def __init__(self, client: Probe, prefix: str, number: int) -> None:
        self.ledger = Ledger(client, Keys(f"{prefix}-{number}"))
        for index, name in enumerate(NAMES):
            self.ledger.finish(name, header(), RUN, partition=index % PARTITIONS)
        self.arrived: list[str] = []
        self.processes: list[Process] = []
        self.down = False
        self._requests = 0

    def join(self, hook: Hook = lambda _: None) -> Process:
        """One more exporter."""
        self.processes.append(Process(self.ledger, self._judge, hook))
        return self.processes[-1]

    def leave(self, process: Process) -> None:
        """An exporter ends in order."""
        self.processes.remove(process)
        process.leases.release()

    def settle(self) -> None:
        """Let everybody go on until nothing is left."""
        while self.ledger.waiting():
            for process in self.processes:
                process.leases.step()
                process.step()

    def _judge(self, spans: Sequence[bytes]) -> Answer:
        self._requests += 1
        if self.down or self._requests % 5 == 0:
            return Unavailable("HTTP 503")
        if len(spans) > 4:
            return Refused(413, "too large")
        self.arrived += [span[20:28].hex() for span in spans]
        return Delivered()


@pytest.fixture
def towns(valkey_server: Server, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Town]]:
    """Makes towns."""
    monkeypatch.setattr(export, "MOST_SPANS", 6)
    with Probe(valkey_server.url) as client:
        numbers = itertools.count()
        yield lambda: Town(client, prefix, next(numbers))


EXPECTED = sorted(one for name in NAMES for one in ids(name, *WHOLE))


@pytest.mark.parametrize("then", ["stays", "leaves"])
def test_another_exporter_may_come_at_any_moment(towns: Callable[[], Town], then: str) -> None:
    for number in itertools.count():
        town = towns()

        def come(town: Town = town) -> None:
            second = town.join()
            for _ in range(3):
                for process in town.processes:
                    process.leases.step()
                second.step()
            if then == "leaves":
                town.leave(second)

        moment = _Once(number, come)
        first = town.join(moment)
        first.leases.step()
        while first.step():
            first.leases.step()
        town.settle()
        assert sorted(town.arrived) == EXPECTED, f"at {number}"
        assert town.ledger.trace_states() == 0
        if moment.calls <= number:
            break
    assert moment.calls > 15


class _Once(Countdown):
    """Does something at the n-th call."""

    def __init__(self, number: int, act: Callable[[], None]) -> None:
        super().__init__(number, _Now)
        self._act = act

    def __call__(self, commands: Sequence[Sequence[bytes | str | int | float]]) -> None:
        """Count."""
        try:
            super().__call__(commands)
        except _Now:
            self._act()


class _Now(Exception):  # noqa: N818  it is no error
    """This is the moment."""


def test_while_the_endpoint_is_unavailable_partitions_are_handed_over_between_two_tries(
    towns: Callable[[], Town],
) -> None:
    town = towns()
    first, second = town.join(), town.join()
    first.leases.step()
    town.down = True

    class Keeping(Pauses):
        """While it is waited, the leases are kept."""

        def wait(self, timeout: float | None = None) -> bool:
            """Keep."""
            second.leases.step()
            first.leases.step()
            return super().wait(timeout)

    waits = Keeping(most=100)
    first.exporting.drain_once(waits, 0)
    assert len(waits.seconds) == 1
    town.down = False
    first.leases.take_up()
    first.leases.step()
    second.leases.step()
    while second.step():
        pass
    assert sorted(town.arrived) == sorted(one for name in NAMES[2::3] for one in ids(name, *WHOLE))


@pytest.mark.parametrize("seed", seeds(40))
def test_exporters_come_and_go_in_any_order(towns: Callable[[], Town], seed: int) -> None:
    town, choose, moves = towns(), random.Random(seed), itertools.count()

    def anything(_: object = None) -> None:
        for _ in range(choose.randrange(4)):
            if next(moves) > 400:
                return
            idle = [process for process in town.processes if not process.busy]
            kind = choose.choice(["join", "leave", "keep", "keep", "keep", "export", "export"])
            if kind == "join" and len(town.processes) < 4:
                town.join(anything)
            elif kind == "leave" and idle and len(town.processes) > 1:
                town.leave(choose.choice(idle))
            elif kind == "keep":
                choose.choice(town.processes).leases.step()
            elif kind == "export" and idle:
                choose.choice(idle).step()

    town.join(anything)
    for _ in range(20):
        anything()
    town.settle()
    assert sorted(town.arrived) == EXPECTED
    assert town.ledger.trace_states() == 0
