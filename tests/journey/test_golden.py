"""Golden files: the exact spans of each shipped stream, through the embedded server, a worker and an OTLP endpoint.

`LONGSPAN_WRITE_GOLDEN=1 pytest tests/journey/test_golden.py` writes them anew; the difference is for review.
"""

import json
import os
from pathlib import Path

import pytest

from longspan.receiver import Receiver
from machines.catalog import load_catalog
from tests.journey.running import NAMESPACE, is_drained, send, worker
from tests.journey.span_text import span_text
from tests.oracle.comparison import differences, report
from tests.oracle.fold import Fold
from tests.oracle.spans import expected_spans
from tests.support.servers import Server
from tests.support.waiting import wait_for

EXAMPLES = Path(__file__).parents[2] / "machines" / "examples"
GOLDEN = Path(__file__).with_name("golden")
STREAMS = sorted(EXAMPLES.glob("*.jsonl"))


def test_every_shipped_machine_has_a_recorded_stream() -> None:
    machines = {path.stem for path in EXAMPLES.iterdir() if path.suffix in (".yaml", ".json", ".scxml")}
    assert {path.name.removesuffix(".jsonl") for path in STREAMS} == machines


@pytest.mark.parametrize("stream", STREAMS, ids=lambda path: path.stem)
def test_a_shipped_stream_gives_the_spans_of_its_golden_file(
    stream: Path, valkey_server: Server, prefix: str, receiver: Receiver, tmp_path: Path
) -> None:
    entries = [json.loads(line) for line in stream.read_text().splitlines()]
    golden = GOLDEN / f"{stream.stem}.txt"
    with valkey_server.client() as client, worker(valkey_server, receiver, prefix, EXAMPLES, tmp_path):
        fold = Fold(load_catalog([str(EXAMPLES)]))
        fold.feed(send(client, prefix, [_fields(entry) for entry in entries]))
        wait_for(lambda: is_drained(client, prefix), 20)
    wrong = differences(expected_spans(fold, NAMESPACE), receiver.spans)
    assert not wrong, report(wrong)
    text = span_text(receiver.spans)
    if os.environ.get("LONGSPAN_WRITE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


def _fields(entry: dict[str, object]) -> dict[str, str]:
    """A recorded line as the fields of an ingress entry: `data` as JSON text, the rest as text."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in entry.items()}
