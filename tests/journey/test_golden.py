"""Golden files: the exact spans of each shipped stream: through a server and an OTLP endpoint, replayed, and recorded.

`pytest tests/journey/test_golden.py --longspan-update` writes them anew; the difference is for review.
"""

from pathlib import Path

import pytest

from longspan.pytest_plugin import Replay
from longspan.testing import NAMESPACE
from longspan.testing.result import Result
from longspan.testing.stack import PARTITIONS, Stack
from machines.catalog import EXAMPLES, load_catalog
from machines.cloudevents import event_attributes
from machines.recording import write_run
from streams.client import connect
from streams.keys import Keys
from streams.status import read_journal
from tests.oracle.comparison import differences, report
from tests.oracle.fold import Entry, Fold
from tests.oracle.spans import expected_spans

STREAMS = sorted(EXAMPLES.glob("*.jsonl"))


@pytest.fixture
def longspan_machines() -> Path:
    """The shipped ones."""
    return EXAMPLES


def test_every_shipped_machine_has_a_recorded_stream() -> None:
    machines = {path.stem for path in EXAMPLES.iterdir() if path.suffix in (".yaml", ".json", ".scxml")}
    assert {path.name.removesuffix(".jsonl") for path in STREAMS} == machines


@pytest.mark.parametrize("stream", STREAMS, ids=lambda path: path.stem)
def test_a_shipped_stream_gives_the_spans_of_its_golden_file(
    stream: Path, replay: Replay, longspan_stack: Stack, tmp_path: Path
) -> None:
    sent = longspan_stack.emit(stream)
    live = longspan_stack.result()
    live.assert_golden(stream.stem, ids=True)
    replay(stream).assert_golden(stream.stem, ids=True)
    replay(_record(longspan_stack, live, tmp_path / "recorded.jsonl")).assert_golden(stream.stem, ids=True)

    fold = Fold(load_catalog([str(EXAMPLES)]))
    arrived_ms = sent[-1].time_ns // 10**6
    fold.feed([Entry(f"{arrived_ms}-{number}", event_attributes(event)) for number, event in enumerate(sent)])
    received = longspan_stack.receiver.spans
    wrong = differences(expected_spans(fold, NAMESPACE), received)
    assert not wrong, report(wrong)
    resource = {"service.name": "longspan", "service.namespace": NAMESPACE}
    assert {(tuple(span.resource.items()), span.scope) for span in received} == {
        (tuple(resource.items()), ("longspan", "1"))
    }


def _record(stack: Stack, live: Result, path: Path) -> Path:
    """A file with the journals of all workflows."""
    with connect(stack.url) as client, path.open("wb") as file:
        for workflow_id in live.workflows:
            journal = read_journal(client, Keys(stack.prefix), PARTITIONS, workflow_id)
            assert journal is not None
            file.writelines(write_run(*journal))
    return path
