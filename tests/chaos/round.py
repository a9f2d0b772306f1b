"""One round: traffic of many workflows, the faults of a seed, and the verdict."""

import json
import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import TimeoutExpired

from redis.exceptions import RedisError

from machines.catalog import load_catalog
from tests.chaos.faults import ENDS, inflict
from tests.chaos.schedule import GUEST, WORKERS, Fault, draw
from tests.chaos.stage import PREFIX, Stage
from tests.chaos.verdict import excuse, timeline
from tests.journey.charts import Document, random_document
from tests.journey.feeding import Feeder
from tests.journey.running import NAMESPACE, dead_letters, has_deadlines, is_drained, refused_spans
from tests.journey.test_storm import ended_runs, write_machines
from tests.journey.traffic import random_traffic
from tests.oracle.comparison import differences
from tests.oracle.fold import Fold
from tests.oracle.runs import Applied
from tests.oracle.spans import expected_spans
from tests.support.waiting import wait_for

LEASE_SECONDS = 2
START_SECONDS = 30
LOOK_SECONDS = 0.1
DRAIN_SECONDS = 120
DEADLINES = ("50ms", "150ms", "800ms")
LONGEST_DEADLINE_SECONDS = 0.8
TIMED = "timed"
DEADLINE = "longspan.deadline"
TRACEBACK = "Traceback (most recent call last)"
Say = Callable[[str], None]


@dataclass(slots=True)
class Outcome:
    """What came of a round; `wrong` is empty where all is as it should be."""

    seed: int
    wrong: list[str]
    faults: Counter[str] = field(default_factory=Counter)
    events: int = 0
    runs: int = 0
    deadlines: int = 0
    spans: int = 0
    doubles: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def play(redis: str, room: Path, seed: int, workflows: int, faults: int, workers: int, say: Say) -> Outcome:
    """Play the round of a seed; servers' data and logs are left in `room`. Raises nothing that a worker could cause."""
    began = time.monotonic()
    machines = write_machines(room / "machines", seed)
    (machines / f"{TIMED}.json").write_text(json.dumps(_timed_document(seed)))
    catalog = load_catalog([str(machines)])
    since_ns = time.time_ns() - 10 * 60 * 10**9
    traffic = random_traffic(list(catalog), workflows, seed, since_ns, untimed=[TIMED])
    schedule = [fault for fault in draw(seed, faults, LEASE_SECONDS) if fault.worker in ("", *WORKERS[:workers])]
    fold = Fold(catalog)
    names = (*WORKERS[:workers], GUEST)
    together = random.Random(seed).random() < 0.3
    stage = Stage(redis, room, machines, names, seed, f"{LEASE_SECONDS}s", together=together)
    outcome = Outcome(seed, [])
    with stage:
        for name in WORKERS[:workers]:
            stage.places[name].process.start()
        wait_for(lambda: _has_begun(stage), START_SECONDS)
        last_seconds = max((fault.at_seconds + fault.seconds for fault in schedule), default=0.0)
        feeder = Feeder(stage.server, PREFIX, traffic, fold, last_seconds)
        stage.hurry = feeder.hurry
        feeder.start()
        try:
            outcome.wrong += _inflict_all(stage, schedule, say)
            feeder.join(DRAIN_SECONDS)
            say("faults over, draining")
            stage.stopping.wait(LONGEST_DEADLINE_SECONDS)
            until_ms = time.time_ns() // 1_000_000
            outcome.wrong += _drain(stage, until_ms)
            fold.pass_time(until_ms)
        finally:
            feeder.stop()
        with stage.server.client() as client:
            outcome.wrong += [f"dead letter: {letter}" for letter in dead_letters(client, PREFIX)[:3]]
            outcome.wrong += [f"refused span: {refused}" for refused in refused_spans(client, PREFIX)[:3]]
        outcome.wrong += _stop_all(stage, WORKERS[:workers])
    if feeder.sent != len(traffic):
        outcome.wrong.append(f"only {feeder.sent} of {len(traffic)} events could be sent")
    excuses = excuse(stage.endpoint.accepted, stage.disturbances)
    (room / "timeline.txt").write_text(timeline(stage.endpoint.accepted, stage.disturbances))
    expected = expected_spans(fold, NAMESPACE)
    outcome.wrong += differences(expected, stage.endpoint.spans, repeatable=excuses.ids)
    outcome.wrong += [f"a traceback in {log}" for log in stage.logs() if TRACEBACK in log.read_text()]
    outcome.faults.update(fault.kind for fault in schedule)
    outcome.events, outcome.runs, outcome.spans = len(traffic), ended_runs(fold), len(expected)
    outcome.deadlines = sum(record.arrival.type == DEADLINE for record in _records(fold))
    outcome.doubles, outcome.seconds = excuses.again, time.monotonic() - began
    return outcome


def _records(fold: Fold) -> Iterator[Applied]:
    for workflow in fold.workflows.values():
        for run in workflow.runs:
            yield from run.records


def clear(room: Path) -> None:
    """Remove what a round has left."""
    shutil.rmtree(room, ignore_errors=True)


def _inflict_all(stage: Stage, schedule: list[Fault], say: Say) -> list[str]:
    """Each fault in a thread of its own, at its time; what could not be done."""
    wrong: list[str] = []

    def inflict_one(fault: Fault) -> None:
        try:
            inflict(stage, fault)
        except Exception as error:
            wrong.append(f"{fault.kind} of {fault.worker or 'all'}: {type(error).__name__}: {error}")

    began = time.monotonic()
    threads = []
    for fault in schedule:
        while (left_seconds := began + fault.at_seconds - time.monotonic()) > 0:
            wrong += stage.look_after()
            stage.stopping.wait(min(left_seconds, LOOK_SECONDS))
        say(f"{time.monotonic() - began:6.1f} s  {fault.kind} {fault.worker} {fault.seconds:.1f} s")
        threads.append(threading.Thread(target=inflict_one, args=(fault,)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    return wrong


def _timed_document(seed: int) -> Document:
    """A machine with deadlines so short that some pass between one event and the next, and some do not.

    They only lead onward: two that lead to each other would never come to an end.
    """
    choose = random.Random(seed)
    document = random_document(seed, name=TIMED)
    stages = [name for name, state in document["chart"]["states"].items() if not state.get("final")]
    names = [*choose.sample(stages, len(stages) - 1), TIMED]
    deadlines = {name: {"after": choose.choice(DEADLINES), "send": "next"} for name in names}
    return document | {"deadlines": deadlines}


def _drain(stage: Stage, until_ms: int) -> list[str]:
    """Wait until everything has been folded and delivered, deadlines that are due by then included."""

    def is_done() -> object:
        return stage.look_after() or (is_drained(client, PREFIX) and not has_deadlines(client, PREFIX, until_ms))

    with stage.server.client() as client:
        try:
            wait_for(is_done, DRAIN_SECONDS, every_seconds=LOOK_SECONDS)
        except (AssertionError, RedisError) as error:
            return [f"it was not drained: {error}"]
    return stage.look_after()


def _stop_all(stage: Stage, names: tuple[str, ...]) -> list[str]:
    wrong = []
    for name in names:
        try:
            status = stage.places[name].process.stop()
        except (AssertionError, TimeoutExpired) as error:
            wrong.append(f"worker {name} could not be stopped: {error!r}")
        else:
            wrong += [f"worker {name} ended with status {status}"] if status not in ENDS else []
    return wrong


def _has_begun(stage: Stage) -> bool:
    with stage.server.client() as client:
        return bool(client.exists(f"{PREFIX}:layout"))
