"""The simulated system, polled as often or as seldom as one likes, by pollers that are killed: the same traces."""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from longspan.api_server import AppThread, listen, url_of
from longspan.pytest_plugin import Replay
from longspan.serving import ServerConfig
from longspan.simulated_app import SimulatedApi
from longspan.simulated_events import tell_life
from longspan.simulated_faults import Faults
from longspan.simulated_system import Life, System
from longspan.testing.errors import NeverHappenedError
from longspan.testing.stack import Stack
from machines.catalog import EXAMPLES, load_catalog
from tests.longspan.processes import running
from tests.support.seeds import SEED
from tests.support.waiting import wait_for

SPEED = 300
WORKFLOWS = 6
SECONDS = 90
INTERVALS = ("100ms", "3s")


@pytest.fixture
def longspan_machines() -> Path:
    return EXAMPLES


class World:
    """The system on a real server."""

    def __init__(self) -> None:
        self.system = System(SEED, SPEED)
        self.faults = Faults({}, SEED)
        self.api = SimulatedApi(self.system, self.faults, time.time_ns)
        self.url = ""

    def start(self, count: int) -> list[Life]:
        """Workflows that begin now."""
        return [self.system.find_or_start(f"wf {number}/x", time.time_ns())[0] for number in range(count)]


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    listening = listen("127.0.0.1", 0)
    with AppThread(world.api.app, listening, ServerConfig(listening, 100), lambda: None):
        world.url = url_of(listening)
        yield world


def events(life: Life) -> list[dict[str, Any]]:
    """All that the system would push of a workflow, as structured CloudEvents."""
    told = [{name.decode(): value.decode() for name, value in fields.items()} for _, fields in tell_life(life)]
    return [{**event, "specversion": "1.0", "data": json.loads(event["data"])} for event in told]


def poll(world: World, stack: Stack, folder: Path, interval: str, name: str) -> Callable[[ExitStack], Any]:
    """What starts a poller of the stack's workflows, which ends with the context at the latest."""
    document = (EXAMPLES / "risk-workflow.yaml").read_text()
    machine = folder / f"{name}.yaml"
    changed = re.sub(r"^  interval: .*$", f"  interval: {interval}", document, flags=re.MULTILINE)
    machine.write_text(re.sub(r"^  delay: .*$", "  delay: 0s", changed, flags=re.MULTILINE))
    settings = {
        "LONGSPAN_REDIS_URL": stack.url,
        "LONGSPAN_PREFIX": stack.prefix,
        "LONGSPAN_LEASE": "2s",
        "LONGSPAN_SOURCE_VARIABLES": "RISK_URL",
        "RISK_URL": world.url,
    }
    log = folder / f"{name}.log"

    def start(context: ExitStack) -> Any:
        return context.enter_context(running("poll", "--machines", str(machine), settings=settings, log=log))

    return start


def ended(stack: Stack, count: int) -> bool:
    """Whether so many workflows have ended."""
    try:
        statuses = [workflow.status for workflow in stack.result().workflows.values()]
    except NeverHappenedError:  # what has been found is still on its way
        return False
    return len(statuses) == count and not {"running", "waiting"} & set(statuses)


def has_found_something(stack: Stack) -> bool:
    """Whether a workflow has more events than its first."""
    try:
        return any(workflow.runs[0].events[1:] for workflow in stack.result().workflows.values() if workflow.runs)
    except NeverHappenedError:
        return False


def test_whatever_the_interval_and_whoever_is_killed_the_traces_are_those_of_pushed_events(
    world: World, longspan_stack: Stack, replay: Replay, tmp_path: Path
) -> None:
    catalog = load_catalog([str(EXAMPLES)])
    with ExitStack() as context:
        others = (context.enter_context(Stack(longspan_stack.url, catalog)) for _ in INTERVALS)
        stacks = [longspan_stack, *others]
        starts = [
            poll(world, stack, tmp_path, interval, f"poller-{number}")
            for number, (stack, interval) in enumerate(zip(stacks, (INTERVALS[0], *INTERVALS), strict=True))
        ]
        first, *_ = [start(context) for start in starts]
        lives = world.start(WORKFLOWS)
        for stack in stacks:
            stack.emit([events(life)[0] for life in lives])
        wait_for(
            lambda: any(workflow.runs[0].events[1:] for workflow in stacks[0].result().workflows.values()), SECONDS
        )
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        starts[0](context)
        for stack in stacks:
            wait_for(partial(ended, stack, WORKFLOWS), SECONDS)
        for life in lives:
            right = replay(events(life)).workflows[life.id]
            for stack in stacks:
                found = stack.result().workflows[life.id]
                assert found.status == ("error" if life.history.stages[-1].error else "ok")
                assert found.runs[0].spans == right.runs[0].spans


def test_a_system_in_trouble_delays_what_is_known_and_changes_nothing_of_it(
    world: World, longspan_stack: Stack, replay: Replay, tmp_path: Path
) -> None:
    world.faults.shares = dict.fromkeys(
        ("404", "429", "500", "html", "truncated", "schema", "redirect", "backwards"), 0.08
    )
    with ExitStack() as context:
        poll(world, longspan_stack, tmp_path, "100ms", "poller")(context)
        lives = world.start(WORKFLOWS)
        longspan_stack.emit([events(life)[0] for life in lives])
        wait_for(lambda: ended(longspan_stack, WORKFLOWS), SECONDS)
    assert sum(world.faults.happened.values()) > 5
    for life in lives:
        found = longspan_stack.result().workflows[life.id]
        assert found.runs[0].spans == replay(events(life)).workflows[life.id].runs[0].spans
