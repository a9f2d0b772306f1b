"""The fold and the plan alone, without any server, beside the oracle: many charts, many workflows, quickly."""

import json
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import SpanLimits

from longspan.received import ReceivedSpan, decode_request
from machines.catalog import Catalog, load_catalog
from machines.changes import Limits
from machines.entries import parse_entry
from machines.journal import decode_journal
from machines.run import Interpreters
from machines.workflow import Workflow
from spans.limits import keep_within
from spans.otlp import Envelope, encode_span
from spans.plan import plan
from spans.resource import describe_resource
from tests.journey.charts import random_document
from tests.journey.traffic import random_traffic
from tests.oracle.comparison import differences, report
from tests.oracle.fold import Entry, Fold
from tests.oracle.spans import expected_spans
from tests.support.seeds import seeds

NAMESPACE = "proof"
SEEDS = seeds(12)


@pytest.mark.parametrize("plain", [True, False], ids=["data-independent", "guarded"])
@pytest.mark.parametrize("export", ["complete", "progressive"])
def test_fold_and_plan_tell_what_the_oracle_tells(plain: bool, export: str, tmp_path: Path) -> None:
    for seed in SEEDS:
        document = random_document(seed, plain=plain, export=export)
        (tmp_path / "generated.json").write_text(json.dumps(document))
        compare(load_catalog([str(tmp_path)]), seed, workflows=20)


def test_the_shipped_machines_do_what_the_oracle_does() -> None:
    for seed in SEEDS:
        compare(load_catalog([str(Path(__file__).parents[2] / "machines" / "examples")]), seed, workflows=30)


def compare(catalog: Catalog, seed: int, workflows: int) -> None:
    """Send the same traffic through both."""
    now_ns = time.time_ns()
    traffic = random_traffic(list(catalog), workflows, seed, now_ns)
    entries = [Entry(f"{now_ns // 1_000_000}-{number}", fields) for number, fields in enumerate(traffic)]
    fold = Fold(catalog)
    fold.feed(entries)
    wrong = differences(expected_spans(fold, NAMESPACE, unsent=True), told(catalog, entries))
    assert not wrong, f"seed {seed}: {report(wrong)}"


def told(catalog: Catalog, entries: Iterable[Entry]) -> list[ReceivedSpan]:
    """The closed spans of every run as Longspan tells them."""
    interpreters, limits = Interpreters(catalog), Limits()
    workflows: dict[str, Workflow] = {}
    for entry in entries:
        fields = {name.encode(): value.encode() for name, value in entry.fields.items()}
        event = parse_entry(fields, entry.position)
        workflows.setdefault(event.subject, Workflow(event.subject)).receive(interpreters, limits, event, 0)
    encoded: list[bytes] = []
    for subject, workflow in workflows.items():
        journals: dict[int, list[bytes]] = {}
        for run, line in workflow.changes.journal:
            journals.setdefault(run, []).append(line)
        for journal in journals.values():
            header, records = decode_journal(journal)
            spans = plan(NAMESPACE, subject, header, records).spans
            encoded += [encode_span(keep_within(SpanLimits(), span)) for span in spans]
    return decode_request(Envelope(describe_resource(NAMESPACE)).wrap(encoded))
