"""What every contestant is given: one chart and the events of many workflows that run through it."""

import json
import random
import time
from pathlib import Path

from machines.instants import format_instant

STATES = ("queued", "checking", "loading", "loaded", "pricing", "priced", "netting", "netted", "writing")
EVENTS_PER_WORKFLOW = len(STATES) + 1  # the start, and one event out of each state
SPANS_PER_WORKFLOW = len(STATES) + 1  # the workflow's, and one for each state
MACHINE = "bench"
NAMESPACE = "default"

Fields = dict[str, str]


def document() -> dict[str, object]:
    """The machine document: a chain of states, nothing in it looks at data."""
    onward = (*STATES[1:], "done")
    states: dict[str, object] = {
        state: {"transitions": [{"event": target, "target": target}]}
        for state, target in zip(STATES, onward, strict=True)
    }
    return {
        "machine": MACHINE,
        "version": 1,
        "starts_on": ["com.example.bench.submitted"],
        "attributes": ["portfolio"],
        "outcomes": {"done": "ok"},
        "chart": {"states": states | {"done": {"final": True}}},
    }


def write_document(directory: Path) -> Path:
    """Put the machine document into a directory of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{MACHINE}.json").write_text(json.dumps(document()))
    return directory


def workflow(subject: str, portfolio: int, begin_ns: int) -> list[Fields]:
    """The events of one workflow, a second apart, some 150 bytes each."""
    types = ("submitted", *STATES[1:], "done")
    return [
        {
            "id": f"{subject}-{index}",
            "source": "/bench",
            "type": f"com.example.bench.{name}",
            "subject": subject,
            "time": format_instant(begin_ns + index * 1_000_000_000),
            "data": f'{{"portfolio":"FX-{portfolio}"}}',
        }
        for index, name in enumerate(types)
    ]


def events(workflows: int, batch: str, *, open_at_once: int = 200) -> list[Fields]:
    """The events of many workflows, mixed: some `open_at_once` are always under way."""
    choose = random.Random(workflows)
    begin_ns = time.time_ns()
    waiting = [workflow(f"{batch}-{number}", number % 100, begin_ns) for number in reversed(range(workflows))]
    under_way: list[list[Fields]] = []
    mixed: list[Fields] = []
    while waiting or under_way:
        while waiting and len(under_way) < open_at_once:
            under_way.append(waiting.pop()[::-1])
        place = choose.randrange(len(under_way))
        mixed.append(under_way[place].pop())
        if not under_way[place]:
            under_way[place] = under_way[-1]
            under_way.pop()
    return mixed
