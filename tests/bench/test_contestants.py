"""That what the bench compares is the same work: two charts in two hands, and a ceiling that moves the same bytes."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from machines.catalog import load_catalog
from machines.changes import Limits
from machines.entries import parse_entry
from machines.run import Interpreters
from machines.workflow import Workflow
from streams.keys import Keys
from tests.bench import ceiling, handwritten
from tests.bench.measurement import WARM, Bench, collecting
from tests.bench.rows import PROCESSES
from tests.bench.scenario import (
    EVENTS_PER_WORKFLOW,
    GUARDED,
    MACHINE,
    MOST_AMOUNT,
    STATES,
    Fields,
    events,
    workflow,
    write_document,
)
from tests.bench.size import WAVE, Population
from tests.bench.weighing import Weight, weigh
from tests.support.servers import Server

WEIGHT = Weight(25.4, 0.4, 132.0, 148.6, 80.0, 1.6, 3.2, 52.0)
ENDINGS = {"done": "ok", "refused": "error"}


def _by_longspan(directory: Path, made: Iterable[Fields]) -> list[str]:
    """The state behind each event, or the status of a workflow that has ended."""
    interpreters, folded, seen = Interpreters(load_catalog([str(write_document(directory))])), Workflow("w"), []
    for fields in made:
        entry = {name.encode(): text.encode() for name, text in fields.items()}
        folded.receive(interpreters, Limits(), parse_entry(entry, "1-1"), 0)
        seen.append(next(iter(folded.snapshot.states), folded.snapshot.status))
    return seen


def _by_hand(machine: str, made: Iterable[Fields]) -> list[str]:
    chart, seen = handwritten.chart(machine)(), []
    for fields in made:
        event = fields["type"].rpartition(".")[2]
        if event != "submitted":
            chart.send(f"go_{event}", data=json.loads(fields["data"]))
        state = chart.current_state_value
        seen.append(ENDINGS.get(state, state))
    return seen


@pytest.mark.parametrize("machine", [MACHINE, GUARDED])
def test_both_hands_take_every_event_of_a_workflow_through_the_same_states(tmp_path: Path, machine: str) -> None:
    made = workflow("w", 3, 0, machine)
    assert _by_longspan(tmp_path, made) == _by_hand(machine, made)
    assert _by_hand(machine, made) == [*STATES, "ok"]


def test_both_hands_refuse_an_amount_that_is_too_large(tmp_path: Path) -> None:
    made = workflow("w", 3, 0, GUARDED)[:3]
    made[2]["data"] = json.dumps({"portfolio": "FX-3", "amount": MOST_AMOUNT + 1})
    assert _by_longspan(tmp_path, made)[-1] == _by_hand(GUARDED, made)[-1] == "error"


def test_the_events_of_a_run_are_those_of_its_workflows_and_no_more_are_under_way_than_is_said() -> None:
    made = events(30, "run", open_at_once=4, machine=GUARDED)
    assert len({fields["id"] for fields in made}) == len(made) == 30 * EVENTS_PER_WORKFLOW
    under_way: set[str] = set()
    for fields in made:
        (under_way.discard if fields["type"].endswith(".done") else under_way.add)(fields["subject"])
        assert len(under_way) <= 4


def test_the_ceiling_sends_as_many_bytes_as_were_weighed() -> None:
    each, calls = round(WEIGHT.events_per_commit), 40
    make = ceiling.Arguments(WEIGHT, each)
    sent = sum(
        len(part) if isinstance(part, bytes) else len(str(part))
        for call in range(calls)
        for part in make.of(call * each, each, b"1800000000000-0")
    )
    assert sent / calls / each == pytest.approx(WEIGHT.sent, rel=0.03)


def test_what_an_event_weighs_is_counted_from_real_commits_and_moved_by_the_ceiling(
    redis_server: Server, prefix: str, tmp_path: Path
) -> None:
    machines, workflows = write_document(tmp_path), 40
    weight = weigh(redis_server.url, machines, prefix, workflows, 10)
    assert 1 <= weight.events_per_commit <= 10
    assert 0 < weight.snapshots <= 1
    assert min(weight.entry, weight.journal, weight.snapshot, weight.outbox, weight.changes, weight.rest) > 0
    made = events(1, "w")
    assert weight.journal > sum(len(fields["id"] + fields["subject"]) for fields in made) / len(made)
    with redis_server.client() as client:
        stream, count = f"{prefix}-ceiling", 200
        ceiling.fill(client, stream, count, weight)
        assert ceiling.move(client, stream, count, weight) > 0
        journals = client.keys(f"{stream}:*:journal:*")
        assert sum(client.llen(journal) for journal in journals) == count
        assert client.hget(Keys(prefix).layout, "partitions")


def test_a_run_of_longspan_ends_with_every_span_and_says_what_each_process_used(
    redis_server: Server, prefix: str, tmp_path: Path
) -> None:
    with collecting() as collector:
        bench = Bench(redis_server, collector, write_document(tmp_path / "machines"), tmp_path)
        run = bench.throughput(bench.longspan(prefix), 5, GUARDED)
        assert collector.count() == (WARM + 5) * EVENTS_PER_WORKFLOW
    assert set(run.cpu_us) == set(PROCESSES)
    assert min(run.events_per_second, *run.cpu_us.values()) > 0


def test_a_wave_has_the_next_event_of_workflows_that_are_in_redis(
    redis_server: Server, prefix: str, tmp_path: Path
) -> None:
    with collecting() as collector:
        filled = Population(Bench(redis_server, collector, write_document(tmp_path / "machines"), tmp_path), prefix)
        filled.open(WAVE)
    made = filled.wave()
    assert {fields["subject"] for fields in made} == {f"w-{number}" for number in range(WAVE)}
    assert {fields["type"].rpartition(".")[2] for fields in made} == set(STATES[1:])
    with redis_server.client() as client:
        assert len(client.keys(f"{prefix}:*:workflow:w-*")) == WAVE
    with pytest.raises(RuntimeError, match="350 of 400 workflows have an event left"):
        filled.wave()
