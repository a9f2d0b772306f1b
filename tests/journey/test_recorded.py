"""Recordings beside what was live: written as lines, read and folded again, they make the same spans byte by byte."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from machines.catalog import EXAMPLES, Catalog, load_catalog
from machines.errors import LineError
from machines.history import History, Machines
from machines.journal import decode_journal
from machines.recorded_line import Line
from machines.recorded_runs import RecordedRun, read_runs
from machines.recording import read_lines, write_run
from machines.refolding import Refolding
from machines.run import Interpreters
from machines.workflow import Workflow
from spans.otlp import encode_span
from spans.plan import plan
from tests.journey.charts import random_catalog
from tests.journey.test_pure import MINUTE_MS, NAMESPACE, live, random_arrivals
from tests.journey.traffic import random_traffic
from tests.oracle.fold import Entry
from tests.support.seeds import seeds

SEEDS = seeds(2)


@pytest.mark.parametrize("plain", [True, False], ids=["data-independent", "guarded"])
@pytest.mark.parametrize("export", ["complete", "progressive"])
def test_a_recording_makes_the_spans_that_were_live(plain: bool, export: str, tmp_path: Path) -> None:
    for seed in SEEDS:
        compare(random_catalog(tmp_path, seed, plain=plain, export=export), seed, workflows=20, pause_ms=3 * MINUTE_MS)


def test_recordings_of_the_shipped_machines_make_the_spans_that_were_live() -> None:
    for seed in SEEDS:
        compare(load_catalog([str(EXAMPLES)]), seed, workflows=30, pause_ms=240 * MINUTE_MS)


def compare(catalog: Catalog, seed: int, workflows: int, pause_ms: int) -> None:
    now_ms = time.time_ns() // 1_000_000
    traffic = random_traffic(list(catalog), workflows, seed, now_ms * 1_000_000)
    arrivals_ms = random_arrivals(len(traffic), seed, now_ms, pause_ms)
    entries = [
        Entry(f"{arrived_ms}-{number}", fields)
        for number, (arrived_ms, fields) in enumerate(zip(arrivals_ms, traffic, strict=True))
    ]
    for watch in (None, random.Random(seed)):
        told = live(Interpreters(catalog), entries, arrivals_ms[-1] + pause_ms, watch)
        runs = list(recorded_runs(told))
        lines = [line for run in runs for line in write_run(run.header, run.records)]
        read = list(read_lines(lines))
        expected = {(run.workflow_id, run.header.run): spans_of(run) for run in runs}
        assert {(run.workflow_id, run.header.run): spans_of(run) for run in read_whole(read)} == expected, seed
        refolding = Refolding([Machines(catalog)])
        for line in read:
            assert isinstance(line, Line)
            refolding.feed(line)
        refolding.horizon_ns = 0  # what fires at the end of a file is no part of what was recorded
        histories: list[History] = [history for (history,) in refolding.finish()]
        folded = {
            (run.workflow_id, run.header.run): spans_of(RecordedRun(run.workflow_id, run.header, run.records, 0))
            for history in histories
            for run in history.runs
        }
        departed = {history.subject: history.departure for history in histories if history.departures}
        assert not departed, f"seed {seed}, deadlines {'watched' if watch else 'left to events'}: {departed}"
        assert folded == expected, seed


def recorded_runs(workflows: dict[str, Workflow]) -> Iterator[RecordedRun]:
    for subject, workflow in workflows.items():
        journals: dict[int, list[bytes]] = {}
        for run, entry in workflow.changes.journal:
            journals.setdefault(run, []).append(entry)
        for journal in journals.values():
            yield RecordedRun(subject, *decode_journal(journal, subject), 0)


def read_whole(lines: list[Line | LineError]) -> Iterator[RecordedRun]:
    for run in read_runs(lines):
        assert isinstance(run, RecordedRun), run
        yield run


def spans_of(run: RecordedRun) -> list[bytes]:
    return [encode_span(span) for span in plan(NAMESPACE, run.workflow_id, run.header, run.records).spans]
