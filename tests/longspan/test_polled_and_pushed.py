"""What a poller finds out gives the spans that pushed events give, however often it asks: the rules alone."""

import json
import random
from typing import Any

import msgspec
import pytest

from longspan.pytest_plugin import Replay
from longspan.simulated_events import tell_life
from longspan.simulated_system import Life, System
from longspan.simulated_views import view_workflow
from machines.catalog import EXAMPLES, load_catalog
from machines.instants import parse_instant
from machines.mapping import Mapping
from tests.support.seeds import SEED

START_NS = parse_instant("2026-11-22T16:00:00Z")
Told = dict[str, Any]


@pytest.fixture
def longspan_machines() -> str:
    return str(EXAMPLES)


@pytest.fixture(scope="module")
def mapping() -> Mapping:
    (machine,) = load_catalog([str(EXAMPLES / "risk-workflow.yaml")])
    assert machine.source is not None
    return machine.source.events


def pushed(life: Life) -> list[Told]:
    """The events that the system pushes."""
    told = [{name.decode(): value.decode() for name, value in fields.items()} for _, fields in tell_life(life)]
    return [{**event, "specversion": "1.0", "data": json.loads(event["data"])} for event in told]


def polled(life: Life, mapping: Mapping, chance: random.Random, interval_seconds: float) -> list[Told]:
    """The submission, then what is new in each answer; intervals vary by half."""
    found: dict[str, Told] = {}
    now_ns, end_ns = life.began_ns, life.seen_ns(life.history.length_seconds)
    while now_ns < end_ns:
        now_ns += round(interval_seconds * chance.uniform(0.5, 1.5) * 1e9)
        answer = msgspec.to_builtins(view_workflow(life, now_ns))
        drafts, faults = mapping.events(answer, {"id": life.id, "machine": "risk-workflow", "source": "/poll"})
        assert not faults
        for draft in drafts:
            event = {**draft.attributes, "specversion": "1.0", "data": json.loads(draft.attributes["data"])}
            assert found.setdefault(draft.id, event) == event  # the same fact is the same event, whenever it is seen
    return [pushed(life)[0], *found.values()]


@pytest.mark.parametrize("interval_seconds", [0.1, 1.0, 7.0, 60.0])
def test_polled_and_pushed_workflows_have_the_same_spans(
    mapping: Mapping, replay: Replay, interval_seconds: float
) -> None:
    system = System(SEED, 60)
    chance = random.Random(f"{SEED}/{interval_seconds}")
    for number in range(25):
        life, _ = system.find_or_start(f"wf-{number}", START_NS)
        right = replay(pushed(life)).workflows[life.id]
        found = replay(polled(life, mapping, chance, interval_seconds)).workflows[life.id]
        assert right.status == ("error" if life.history.stages[-1].error else "ok")
        assert found.runs[0].spans == right.runs[0].spans


def test_stage_spans_have_the_times_and_the_error_text_of_the_system(mapping: Mapping, replay: Replay) -> None:
    system = System(SEED, 60)
    for number in range(60):
        life, _ = system.find_or_start(f"wf-{number}", START_NS)
        record = view_workflow(life, START_NS + 3_600 * 10**9)
        root = replay(polled(life, mapping, random.Random(number), 5.0)).workflows[life.id].runs[0].root
        stages = [span for span in root.children if span.children]
        assert root.events[0].name.endswith(".submitted")
        assert (root.start, root.end, root.message) == (
            record.submitted_time,
            record.end_time,
            record.error_message or "",
        )
        assert [(span.name, span.start, span.end, span.message) for span in stages] == [
            (name, entity.start_time, entity.end_time, entity.error_message or "")
            for name, entity in zip(("data_loader", "processor", "output_generator"), record.entities, strict=False)
        ]
        for span, entity in zip(stages, record.entities, strict=True):
            assert [(child.name, child.start, child.end) for child in span.children] == [
                ("initializing", entity.start_time, entity.processing_time),
                ("processing", entity.processing_time, entity.end_time),
            ]
            assert span.events[0].name == entity.status.lower()
