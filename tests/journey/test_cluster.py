"""Workers on a Redis Cluster whose slots move all the time, and still each span exactly as the oracle tells it."""

import time
from functools import partial
from pathlib import Path

from machines.catalog import load_catalog
from streams.keys import Keys
from tests.journey.running import NAMESPACE, WorkerProcess, dead_letters, is_drained, send
from tests.journey.storm import Storm
from tests.journey.test_storm import ended_runs, watched, write_machines
from tests.journey.traffic import random_traffic
from tests.oracle.comparison import differences, report
from tests.oracle.fold import Fold
from tests.oracle.spans import expected_spans
from tests.support.cluster import ClusterServer, SlotMover
from tests.support.seeds import SEED
from tests.support.waiting import wait_for

WORKFLOWS = 200
CHUNK = 100
PARTITIONS = 8


def has_moved(mover: SlotMover, times: int) -> bool:
    return mover.moves >= times


def test_spans_are_exact_although_slots_move_under_two_workers(
    cluster_server: ClusterServer, prefix: str, tmp_path: Path
) -> None:
    machines = write_machines(tmp_path / "machines", SEED)
    catalog = load_catalog([str(machines)])
    traffic = random_traffic(list(catalog), WORKFLOWS, SEED, time.time_ns() - 10 * 60 * 10**9)
    fold = Fold(catalog)
    keys = Keys(prefix)
    moving = [keys.events, keys.layout, keys.workers, *(keys.of(number).meta for number in range(PARTITIONS))]
    settings = {"LONGSPAN_PARTITIONS": str(PARTITIONS)}
    with Storm(SEED) as storm, cluster_server.client() as client:
        workers = [
            WorkerProcess(cluster_server, storm, prefix, machines, tmp_path / f"worker-{number}.log", **settings)
            for number in range(2)
        ]
        try:
            for process in workers:
                process.start()
            with SlotMover(cluster_server, moving, SEED, (0.0, 0.001, 0.01)) as mover:
                for number, begin in enumerate(range(0, len(traffic), CHUNK)):
                    fold.feed(send(client, prefix, traffic[begin : begin + CHUNK]))
                    wait_for(partial(has_moved, mover, 2 * (number + 1)), 60)  # however slow or fast all else is
                for process in workers:
                    wait_for(watched(lambda: is_drained(client, prefix), process.check), 60)
                moves = mover.moves
            dead = dead_letters(client, prefix)
        finally:
            for process in workers:
                process.kill()
    wrong = differences(expected_spans(fold, NAMESPACE), storm.spans, repeatable=storm.repeatable)
    assert not wrong, f"LONGSPAN_SEED={SEED}: {report(wrong)}"
    assert not dead, f"LONGSPAN_SEED={SEED}: {dead[:3]}"
    assert ended_runs(fold) >= 150
    assert moves >= 20
