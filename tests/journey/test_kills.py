"""kill -9 of workers and of the server at random moments, and still each span exactly as the oracle tells it."""

import random
import signal
import time
from pathlib import Path

import pytest

from machines.catalog import load_catalog
from tests.journey.feeding import Feeder
from tests.journey.running import NAMESPACE, WorkerProcess, dead_letters, is_drained
from tests.journey.storm import Storm
from tests.journey.test_storm import ended_runs, write_machines
from tests.journey.traffic import random_traffic
from tests.oracle.comparison import differences, report
from tests.oracle.fold import Fold
from tests.oracle.spans import expected_spans
from tests.support.seeds import SEED
from tests.support.servers import REDIS, running
from tests.support.waiting import wait_for

WORKFLOWS = 600
VICTIMS = ["all"] * 14 + ["parent"] * 5 + ["exporter"] * 5 + ["server"] * 2 + ["none"] * 4


@pytest.mark.skipif(REDIS is None, reason="no redis-server on the PATH")
def test_spans_are_exact_although_workers_and_the_server_are_killed(prefix: str, tmp_path: Path) -> None:
    assert REDIS is not None
    choose = random.Random(SEED)
    machines = write_machines(tmp_path / "machines", SEED)
    catalog = load_catalog([str(machines)])
    since_ns = time.time_ns() - 10 * 60 * 10**9
    traffic = random_traffic(list(catalog), WORKFLOWS, SEED, since_ns, timeless=False)
    fold = Fold(catalog)
    kills: list[float] = []
    # `always`: with `everysec` the server may answer before it has written, and a kill would take that back.
    with running(REDIS, tmp_path / "redis", "--appendfsync", "always") as server, Storm(SEED) as storm:
        process = WorkerProcess(server, storm, prefix, machines, tmp_path / "worker.log")
        feeder = Feeder(server, prefix, traffic, fold, seconds=len(VICTIMS))
        try:
            process.start()
            feeder.start()
            for victim in choose.sample(VICTIMS, len(VICTIMS)):
                storm.stopping.wait(choose.uniform(0.3, 1.6))
                if choose.random() < 0.5:
                    storm.refused.clear()
                    storm.refused.wait(0.5)
                if victim == "server":
                    server.kill()
                    server.start()
                    continue
                if victim == "none":  # an orderly end repeats nothing, and before it can be orderly there is nothing
                    status = process.stop()
                    assert status in (0, -signal.SIGTERM), status
                    process.start()
                    continue
                if victim == "exporter":
                    process.kill_exporter()
                elif victim == "parent":
                    process.kill_parent()
                else:
                    process.kill()
                kills.append(time.monotonic())
                if victim != "exporter":
                    process.start()
            feeder.join(60)
            assert not feeder.is_alive(), "the traffic could not be sent"
            with server.client() as client:
                wait_for(lambda: is_drained(client, prefix), 60)
                dead = dead_letters(client, prefix)
        finally:
            feeder.stop()
            process.kill()
    for killed_at in kills:
        storm.forgive(killed_at)
    wrong = differences(expected_spans(fold, NAMESPACE), storm.spans, repeatable=storm.repeatable)
    assert not wrong, f"LONGSPAN_SEED={SEED}: {report(wrong)}"
    assert not dead, f"LONGSPAN_SEED={SEED}: {dead[:3]}"
    assert ended_runs(fold) >= 500
    assert len(kills) == 24
