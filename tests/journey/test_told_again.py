"""Random histories: what was sent while they went on, what their records tell and what a rebuild tells are the same."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import SpanLimits

from machines.agreement import compare
from machines.catalog import Catalog
from machines.errors import LineError
from machines.journal import Header, Record, decode_journal
from machines.recorded_runs import read_runs
from machines.recording import read_lines, write_run
from machines.run import Interpreters
from machines.workflow import Workflow
from spans.limits import keep_within
from spans.otlp import encode_span
from spans.plan import plan
from spans.rebuilding import read_part, tell_again
from spans.trace_state import TraceState, encode_trace_state
from tests.journey.charts import random_catalog
from tests.journey.test_pure import live, random_arrivals
from tests.journey.traffic import random_traffic
from tests.oracle.fold import Entry
from tests.support.seeds import seeds

NAMESPACE = "proof"
LIMITS = SpanLimits(max_events=3)
SEEDS = seeds(3)


@pytest.mark.parametrize("plain", [True, False], ids=["data-independent", "guarded"])
@pytest.mark.parametrize("export", ["complete", "progressive"])
def test_live_recorded_and_rebuilt_spans_are_the_same_bytes(plain: bool, export: str, tmp_path: Path) -> None:
    runs = ended = 0
    for catalog, workflows in _histories(plain, export, tmp_path):
        for workflow in workflows.values():
            for run, (header, records) in _journals(workflow).items():
                exports = [(count, last) for number, count, last in workflow.changes.exports if number == run]
                sent, state = _export(workflow.subject, header, records, exports)
                ends = bool(exports) and exports[-1][1]
                part = None if ends else read_part(encode_trace_state(state)) if state else None
                if not ends and part is None:
                    continue
                lines = list(read_runs(read_lines(write_run(header, records))))
                (recorded,) = lines
                assert not isinstance(recorded, LineError)
                for told in ((header, records), (recorded.header, recorded.records)):
                    again = tell_again(NAMESPACE, workflow.subject, *told, LIMITS, part)
                    assert [span for piece in again for span in piece] == sent
                runs += 1
                ended += ends
                half = records[: len(records) // 2]
                if export == "progressive" and half:
                    sent, state = _export(workflow.subject, header, half, [(len(half) + 1, False)])
                    assert state is not None
                    part = read_part(encode_trace_state(state))
                    again = tell_again(NAMESPACE, workflow.subject, header, records, LIMITS, part)
                    assert [span for piece in again for span in piece] == sent
        assert catalog
    assert runs > 20
    assert ended


@pytest.mark.parametrize("plain", [True, False], ids=["data-independent", "guarded"])
def test_a_snapshot_agrees_with_its_journal_and_with_no_other(plain: bool, tmp_path: Path) -> None:
    compared = 0
    for catalog, workflows in _histories(plain, "complete", tmp_path):
        interpreters = Interpreters(catalog)
        for workflow in workflows.values():
            snapshot, journals = workflow.snapshot, _journals(workflow)
            if not snapshot.run or any(dead.reason == "internal-error" for dead in workflow.changes.dead):
                continue
            header, records = journals[snapshot.run]
            found = compare(snapshot, header, records, interpreters)
            assert not found.differences, f"{workflow.subject}: {found.differences}"
            assert found.folded == found.records == len(records)
            assert compare(snapshot, header, records[:-1], interpreters).differences
            compared += 1
    assert compared > 20


def _histories(plain: bool, export: str, folder: Path) -> Iterator[tuple[Catalog, dict[str, Workflow]]]:
    for seed in SEEDS:
        catalog = random_catalog(folder, seed, plain=plain, export=export)
        now_ms = time.time_ns() // 1_000_000
        traffic = random_traffic(list(catalog), 15, seed, now_ms * 1_000_000)
        arrivals_ms = random_arrivals(len(traffic), seed, now_ms, 180_000)
        entries = [
            Entry(f"{arrived_ms}-{number}", fields)
            for number, (arrived_ms, fields) in enumerate(zip(arrivals_ms, traffic, strict=True))
        ]
        yield catalog, live(Interpreters(catalog), entries, arrivals_ms[-1] + 60_000, None)


def _journals(workflow: Workflow) -> dict[int, tuple[Header, list[Record]]]:
    journals: dict[int, list[bytes]] = {}
    for run, entry in workflow.changes.journal:
        journals.setdefault(run, []).append(entry)
    return {run: decode_journal(entries, workflow.subject) for run, entries in journals.items()}


def _export(
    subject: str, header: Header, records: list[Record], exports: list[tuple[int, bool]]
) -> tuple[list[bytes], TraceState | None]:
    """What the exporter has sent, bit by bit: progressive runs after each event, others at their end."""
    if header.export == "progressive":
        exports = [(count, False) for count in range(2, len(records) + 1)] + exports[-1:]
    sent: list[bytes] = []
    state: TraceState | None = None
    for entries, _ in exports:
        begin = 0 if state is None else state.index - 1
        if entries - 1 > begin:
            spans, state, _ = plan(
                NAMESPACE, subject, header, records[begin : entries - 1], state, event_limit=LIMITS.max_events
            )
            sent += [encode_span(keep_within(LIMITS, span)) for span in spans]
    return sent, state
