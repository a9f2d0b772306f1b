"""What Redis can do to a worker at work: it goes on by itself, says so in few lines, and the spans are exact."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from longspan.receiver import Receiver
from machines.catalog import load_catalog
from tests.journey.feeding import Feeder
from tests.journey.hardship import LOADS_SLOWLY, Hardship
from tests.journey.running import NAMESPACE, WorkerProcess, dead_letters, is_drained, send, worker
from tests.journey.test_storm import write_machines
from tests.journey.traffic import random_traffic
from tests.longspan.processes import longspan
from tests.oracle.comparison import differences, report
from tests.oracle.fold import Fold
from tests.oracle.spans import expected_spans
from tests.support.seeds import SEED
from tests.support.servers import REDIS, Server, running
from tests.support.waiting import wait_for

WORKFLOWS = 400
LIVES = 150  # workflows between two losses
PERIOD_NS = 10 * 60 * 10**9
LOADING = "Redis is loading its data: wait until it has"
LOST = "Redis has lost what was under prefix"


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[Server]:
    """Redis that has written what it has answered."""
    if REDIS is None:
        pytest.skip("no redis-server on the PATH")
    with running(REDIS, tmp_path / "redis", "--appendfsync", "always", *LOADS_SLOWLY) as server:
        yield server


@pytest.fixture
def forgetful(tmp_path: Path) -> Iterator[Server]:
    """Redis that keeps nothing."""
    if REDIS is None:
        pytest.skip("no redis-server on the PATH")
    with running(REDIS, tmp_path / "redis", "--appendonly", "no") as server:
        yield server


def test_whatever_redis_does_but_forget_leaves_every_span_as_the_oracle_tells_it(
    durable: Server, prefix: str, receiver: Receiver, tmp_path: Path
) -> None:
    machines = write_machines(tmp_path / "machines", SEED)
    catalog = load_catalog([str(machines)])
    traffic = random_traffic(list(catalog), WORKFLOWS, SEED, time.time_ns() - PERIOD_NS, timeless=False)
    fold = Fold(catalog)
    feeder = Feeder(durable, prefix, traffic, fold, seconds=45)
    with worker(durable, receiver, prefix, machines, tmp_path, LONGSPAN_LEASE="1s") as process:
        hardship = Hardship(durable, receiver, process)
        try:
            feeder.start()
            hardship.flows()

            hardship.log.turn_page()
            hardship.forget_scripts()
            hardship.flows()
            hardship.log.assert_calm(most_beginnings=0)

            hardship.log.turn_page()
            for _ in range(3):
                hardship.cut_connections()
                hardship.flows()
            hardship.log.assert_calm(most_beginnings=3)

            hardship.log.turn_page()
            hardship.demote(2)
            hardship.flows()
            hardship.log.assert_calm(most_beginnings=2)  # it may cut connections, too

            hardship.log.turn_page()
            hardship.load(lambda: meet_a_server_that_loads(durable, prefix, receiver, machines, tmp_path))
            hardship.flows()
            hardship.log.assert_calm(most_beginnings=2)  # it is away first

            hardship.log.turn_page()
            hardship.stall(3)  # longer than the leases
            hardship.flows()
            hardship.log.assert_calm(most_beginnings=0)

            hardship.log.turn_page()
            hardship.stall(11)  # longer than it is waited for an answer
            hardship.flows()
            assert hardship.log.says("the worker waits: Redis cannot be reached: Timeout")
            hardship.log.assert_calm(most_beginnings=1)

            while feeder.is_alive():
                feeder.hurry()
                feeder.join(0.1)
            with durable.client() as client:
                wait_for(lambda: is_drained(client, prefix), 60)
                assert not dead_letters(client, prefix)
        finally:
            feeder.stop()
        assert process.stop() == 0
    wrong = differences(expected_spans(fold, NAMESPACE), receiver.spans)
    assert not wrong, f"LONGSPAN_SEED={SEED}: {report(wrong)}"


def meet_a_server_that_loads(server: Server, prefix: str, receiver: Receiver, machines: Path, room: Path) -> None:
    """What others say who come at that time: a worker waits, and who only looks says why it cannot."""
    newcomer = WorkerProcess(server, receiver, prefix, machines, room / "newcomer.log")
    newcomer.start()
    try:
        settings = {"LONGSPAN_REDIS_URL": server.url, "LONGSPAN_PREFIX": prefix}
        with ThreadPoolExecutor() as pool:
            status = pool.submit(longspan, "status", settings=settings)
            doctor = pool.submit(longspan, "doctor", settings=settings)
        assert (status.result().returncode, status.result().stderr) == (1, f"longspan: {LOADING}\n")
        assert doctor.result().returncode == 1
        assert [line for line in doctor.result().stdout.splitlines() if LOADING in line]
        assert "Traceback" not in doctor.result().stdout + doctor.result().stderr
        wait_for(lambda: LOADING in newcomer.log.read_text(), 20)
        newcomer.check()
        assert newcomer.stop() == 0
        told = newcomer.log.read_text().splitlines()
        assert [LOADING in line for line in told] == [True, False]
        assert told[1].endswith("stopped")
    finally:
        newcomer.kill()


def test_a_redis_that_forgets_everything_is_filled_anew_and_nothing_of_before_gets_in_the_way(
    forgetful: Server, prefix: str, receiver: Receiver, tmp_path: Path
) -> None:
    machines = write_machines(tmp_path / "machines", SEED)
    catalog = load_catalog([str(machines)])
    traffic = random_traffic(list(catalog), LIVES, SEED, time.time_ns() - PERIOD_NS, timeless=False)
    with worker(forgetful, receiver, prefix, machines, tmp_path) as process:
        hardship = Hardship(forgetful, receiver, process)
        with forgetful.client() as client:
            send(client, prefix, traffic[: len(traffic) // 2])
            wait_for(lambda: is_drained(client, prefix), 30)
        for forget in (hardship.empty, hardship.restart):
            before = len(receiver.spans)
            hardship.log.turn_page()
            forget()
            fold = Fold(catalog)
            with forgetful.client() as client:
                fold.feed(send(client, prefix, traffic))
                wait_for(lambda: is_drained(client, prefix), 30)
                assert not dead_letters(client, prefix)
            wrong = differences(expected_spans(fold, NAMESPACE), receiver.spans[before:])
            assert not wrong, f"LONGSPAN_SEED={SEED}: {report(wrong)}"
            wait_for(lambda: not hardship.log.unfinished())
            assert sum(LOST in line for line in hardship.log.lines()) == 1
            hardship.log.assert_calm(most_beginnings=1)
            assert len(hardship.log.lines()) < 20
        assert process.stop() == 0
