"""The fold and the plan alone, without any server, beside the oracle: many charts, many workflows, quickly."""

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import SpanLimits

from longspan.received import ReceivedSpan, decode_request
from machines.catalog import Catalog, load_catalog
from machines.changes import Limits
from machines.entries import parse_entry
from machines.events import Event
from machines.journal import decode_journal
from machines.run import Interpreters
from machines.snapshot import decode_snapshot, encode_snapshot
from machines.workflow import Workflow
from spans.limits import keep_within
from spans.otlp import Envelope, encode_span
from spans.plan import plan
from spans.resource import describe_resource
from tests.journey.charts import random_catalog
from tests.journey.traffic import random_traffic
from tests.oracle.comparison import differences, report
from tests.oracle.fold import Entry, Fold
from tests.oracle.spans import expected_spans
from tests.support.seeds import seeds

NAMESPACE = "proof"
SEEDS = seeds(12)
MINUTE_MS = 60_000


@pytest.mark.parametrize("plain", [True, False], ids=["data-independent", "guarded"])
@pytest.mark.parametrize("export", ["complete", "progressive"])
def test_fold_and_plan_tell_what_the_oracle_tells(plain: bool, export: str, tmp_path: Path) -> None:
    for seed in SEEDS:
        compare(random_catalog(tmp_path, seed, plain=plain, export=export), seed, workflows=20, pause_ms=3 * MINUTE_MS)


def test_the_shipped_machines_do_what_the_oracle_does() -> None:
    for seed in SEEDS:
        catalog = load_catalog([str(Path(__file__).parents[2] / "machines" / "examples")])
        compare(catalog, seed, workflows=30, pause_ms=240 * MINUTE_MS)


def compare(catalog: Catalog, seed: int, workflows: int, pause_ms: int) -> None:
    """Send the same traffic through both, with pauses between arrivals; deadlines fire in two ways."""
    now_ms = time.time_ns() // 1_000_000
    traffic = random_traffic(list(catalog), workflows, seed, now_ms * 1_000_000)
    arrivals_ms = random_arrivals(len(traffic), seed, now_ms, pause_ms)
    entries = [
        Entry(f"{arrived_ms}-{number}", fields)
        for number, (arrived_ms, fields) in enumerate(zip(arrivals_ms, traffic, strict=True))
    ]
    end_ms = arrivals_ms[-1] + pause_ms
    fold = Fold(catalog)
    fold.feed(entries)
    fold.pass_time(end_ms)
    expected = expected_spans(fold, NAMESPACE, unsent=True)
    for watch in (None, random.Random(seed)):
        wrong = differences(expected, told(live(Interpreters(catalog), entries, end_ms, watch)))
        assert not wrong, f"seed {seed}, deadlines {'watched' if watch else 'left to events'}: {report(wrong)}"


def random_arrivals(count: int, seed: int, since_ms: int, pause_ms: int) -> list[int]:
    """When entries arrive: mostly within a second of each other, now and then after a pause."""
    choose = random.Random(seed)
    arrivals_ms = []
    for _ in range(count):
        since_ms += choose.randrange(pause_ms if choose.random() < 0.03 else 1_000)
        arrivals_ms.append(since_ms)
    return arrivals_ms


def live(
    interpreters: Interpreters, entries: Sequence[Entry], end_ms: int, watch: random.Random | None
) -> dict[str, Workflow]:
    """All that happens until `end_ms`. With `watch`, deadlines are fired into the stream, as a worker does it."""
    limits = Limits()
    workflows: dict[str, Workflow] = {}
    fired: list[tuple[Workflow, Event]] = []
    before_ms = 0
    for entry in entries:
        event = parse_entry({name.encode(): value.encode() for name, value in entry.fields.items()}, entry.position)
        arrived_ms = int(entry.position.partition("-")[0])
        if watch and watch.random() < 0.4:
            fired += due_deadlines(workflows.values(), watch.randint(before_ms, arrived_ms))
        if watch and watch.random() < 0.4:  # until then they stand in the stream behind what arrived later
            for workflow, due in fired:
                workflow.receive(interpreters, limits, due, arrived_ms)
            fired.clear()
        workflow = workflows.setdefault(event.subject, Workflow(event.subject))
        if watch and watch.random() < 0.2:
            workflow.snapshot = decode_snapshot(encode_snapshot(workflow.snapshot))
        workflow.receive(interpreters, limits, event, arrived_ms)
        before_ms = arrived_ms
    for workflow, due in fired:
        workflow.receive(interpreters, limits, due, end_ms)
    for workflow in workflows.values():
        while (last := workflow.due_deadline()) is not None and last.time_ns <= end_ms * 1_000_000:
            workflow.receive(interpreters, limits, last, end_ms)
    return workflows


def due_deadlines(workflows: Iterable[Workflow], now_ms: int) -> list[tuple[Workflow, Event]]:
    """What fires by itself: a deadline of a history that is told afterwards lets that be told first."""
    found = [(workflow, workflow.due_deadline()) for workflow in workflows if not workflow.snapshot.overdue]
    return [(workflow, due) for workflow, due in found if due is not None and due.time_ns <= now_ms * 1_000_000]


def told(workflows: Mapping[str, Workflow]) -> list[ReceivedSpan]:
    """The closed spans of every run as Longspan tells them."""
    encoded: list[bytes] = []
    for subject, workflow in workflows.items():
        journals: dict[int, list[bytes]] = {}
        for run, line in workflow.changes.journal:
            journals.setdefault(run, []).append(line)
        for journal in journals.values():
            header, records = decode_journal(journal, subject)
            spans = plan(NAMESPACE, subject, header, records).spans
            encoded += [encode_span(keep_within(SpanLimits(), span)) for span in spans]
    return decode_request(Envelope(describe_resource(NAMESPACE)).wrap(encoded))
