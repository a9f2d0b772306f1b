"""Workers on a Redis Cluster whose slots move, and still each span is exactly as the oracle tells it."""

import time
from contextlib import closing
from functools import partial
from pathlib import Path

from redis.crc import key_slot

from longspan.receiver import Receiver
from machines.catalog import load_catalog
from streams.client import connect
from streams.keys import Keys, partition_of
from streams.lookup import look_up
from tests.journey.running import NAMESPACE, WorkerProcess, dead_letters, is_drained, send, worker
from tests.journey.storm import Storm
from tests.journey.test_storm import EXAMPLES, ended_runs, watched, write_machines
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
NEIGHBOURS = 30  # keys of another installation in each slot: the more there are, the longer it is on its way


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
        for owned in map(keys.of, range(PARTITIONS)):
            client.mset({owned.workflow(f"neighbour-{number}") + b":x": "x" for number in range(NEIGHBOURS)})
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


def test_a_slot_that_is_half_way_for_long_holds_up_its_own_partition_alone(
    cluster_server: ClusterServer, prefix: str, tmp_path: Path
) -> None:
    keys = Keys(prefix)
    names = [str(number) for number in range(40)]
    moving = {name for name in names if partition_of(name, PARTITIONS) == 0}
    began = [{"subject": name, "machine": "risk-calculation", "id": "1"} for name in names]
    with Receiver() as receiver, cluster_server.client() as client:
        settings = {"LONGSPAN_PARTITIONS": str(PARTITIONS), "LONGSPAN_LEASE": "1s"}
        with worker(cluster_server, receiver, prefix, EXAMPLES, tmp_path, **settings) as process:
            send(client, prefix, [event | {"type": "com.example.risk.submitted"} for event in began])
            wait_for(watched(lambda: is_drained(client, prefix), process.check), 60)
            with closing(SlotMover(cluster_server, [keys.of(0).meta], SEED)) as mover:
                with mover.half_way(key_slot(keys.of(0).meta)) as migrate:
                    migrate(keys.of(0).meta)
                    for number in range(len(names)):  # one after the other: what is tried again is met again and again
                        send(client, prefix, [began[number] | {"id": "2", "type": "com.example.risk.cancelled"}])
                        due = set(names[: number + 1]) - moving
                        wait_for(watched(partial(_have_ended, receiver, due), process.check), 60)
                    with connect(cluster_server.url) as asking:
                        assert all(look_up(asking, keys, PARTITIONS, name, 1) for name in names)
                wait_for(watched(partial(_have_ended, receiver, set(names)), process.check), 60)
            assert "waits" not in process.log.read_text()


def _have_ended(receiver: Receiver, names: set[str]) -> bool:
    """Whether the workflow spans of these workflows have arrived, and no others."""
    return {span.attributes["workflow.id"] for span in receiver.spans if not span.parent_id} == names
