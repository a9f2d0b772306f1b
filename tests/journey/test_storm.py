"""Many random workflows through a running worker, an endpoint that behaves badly, and the oracle beside them."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from longspan.received import ReceivedSpan
from machines.catalog import load_catalog
from tests.journey.charts import random_document
from tests.journey.running import NAMESPACE, dead_letters, is_drained, refused_spans, send, worker
from tests.journey.storm import Storm
from tests.journey.traffic import random_traffic
from tests.oracle.comparison import differences, report
from tests.oracle.fold import Fold
from tests.oracle.spans import expected_spans
from tests.support.seeds import SEED
from tests.support.servers import Server
from tests.support.waiting import wait_for

EXAMPLES = Path(__file__).parents[2] / "machines" / "examples"
WORKFLOWS = 600
CHUNK = 200


def poisoned(span: ReceivedSpan) -> bool:
    """One span in some five hundred is refused for good."""
    return int(span.span_id, 16) % 499 == 0


def test_every_span_of_random_workflows_arrives_as_the_oracle_tells_it(
    server: Server, prefix: str, tmp_path: Path
) -> None:
    machines = write_machines(tmp_path / "machines", SEED)
    catalog = load_catalog([str(machines)])
    traffic = random_traffic(list(catalog), WORKFLOWS, SEED, time.time_ns() - 10 * 60 * 10**9)
    fold = Fold(catalog)
    with (
        Storm(SEED, poisoned) as storm,
        server.client() as client,
        worker(server, storm, prefix, machines, tmp_path) as process,
    ):
        for begin in range(0, len(traffic), CHUNK):
            fold.feed(send(client, prefix, traffic[begin : begin + CHUNK]))
        wait_for(watched(lambda: is_drained(client, prefix), process.check), 60)
        expected = expected_spans(fold, NAMESPACE)
        refused = refused_spans(client, prefix)
        dead = dead_letters(client, prefix)
    wrong = differences(
        [span for span in expected if int(span["span_id"], 16) % 499], storm.spans, repeatable=storm.repeatable
    )
    assert not wrong, f"LONGSPAN_SEED={SEED}: {report(wrong)}"
    assert len(refused) == len(expected) - sum(1 for span in expected if int(span["span_id"], 16) % 499)
    assert all(fields["status"] == "400" and "poisoned" in fields["reason"] for fields in refused)
    assert not dead, f"LONGSPAN_SEED={SEED}: {dead[:3]}"
    assert {"400", "lost", "cut", "503"} <= set(storm.answers), storm.answers
    assert ended_runs(fold) >= 500


def write_machines(directory: Path, seed: int) -> Path:
    """The shipped machines and two generated ones in one directory."""
    directory.mkdir()
    for path in EXAMPLES.iterdir():
        if path.suffix in (".yaml", ".json", ".scxml"):
            (directory / path.name).write_text(path.read_text())
    for name, export, plain in (("generated", "complete", False), ("plain", "progressive", True)):
        document = random_document(seed, name=name, export=export, plain=plain)
        (directory / f"{name}.json").write_text(json.dumps(document))
    return directory


def ended_runs(fold: Fold) -> int:
    """How many runs have come to an end."""
    return sum(run.ended for workflow in fold.workflows.values() for run in workflow.runs)


def watched(fact: Callable[[], bool], check: Callable[[], None]) -> Callable[[], bool]:
    """The fact, asked while `check` finds nothing wrong."""

    def ask() -> bool:
        check()
        return fact()

    return ask
