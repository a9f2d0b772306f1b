"""What every contestant is given: two charts, one without and one with guards, and the events of many workflows."""

import json
import random
import time
from pathlib import Path

from machines.instants import format_instant

STATES = ("queued", "checking", "loading", "loaded", "pricing", "priced", "netting", "netted", "writing")
EVENTS_PER_WORKFLOW = len(STATES) + 1  # the start, and one event out of each state
SPANS_PER_WORKFLOW = len(STATES) + 1  # the workflow's, and one for each state
MACHINE = "bench"
GUARDED = "guarded"
NAMESPACE = "default"
MOST_AMOUNT = 1_000  # beyond it the guarded chart refuses; no event of ours is

Fields = dict[str, str]


def document(machine: str = MACHINE) -> dict[str, object]:
    """The machine document: a chain of states. In GUARDED every event is judged by its data, by two guards."""
    onward = (*STATES[1:], "done")
    states: dict[str, object] = {
        state: {"transitions": _transitions(machine, target)} for state, target in zip(STATES, onward, strict=True)
    }
    endings = {"done": "ok"} | ({"refused": "error"} if machine == GUARDED else {})
    return {
        "machine": machine,
        "version": 1,
        "starts_on": [f"com.example.{machine}.submitted"],
        "attributes": ["portfolio"],
        "outcomes": endings,
        "chart": {"states": states | {name: {"final": True} for name in endings}},
    }


def _transitions(machine: str, target: str) -> list[dict[str, str]]:
    if machine != GUARDED:
        return [{"event": target, "target": target}]
    return [
        {"event": target, "target": "refused", "cond": f"data.amount > {MOST_AMOUNT}"},
        {"event": target, "target": target, "cond": "data.amount >= 0"},
    ]


def write_document(directory: Path) -> Path:
    """Put the machine documents into a directory of their own."""
    directory.mkdir(parents=True, exist_ok=True)
    for machine in (MACHINE, GUARDED):
        (directory / f"{machine}.json").write_text(json.dumps(document(machine)))
    return directory


def workflow(subject: str, portfolio: int, begin_ns: int, machine: str = MACHINE) -> list[Fields]:
    """The events of one workflow, a second apart, some 150 bytes each."""
    types = ("submitted", *STATES[1:], "done")
    return [
        {
            "id": f"{subject}-{index}",
            "source": "/bench",
            "type": f"com.example.{machine}.{name}",
            "subject": subject,
            "time": format_instant(begin_ns + index * 1_000_000_000),
            "data": _data(portfolio, index, machine),
        }
        for index, name in enumerate(types)
    ]


def _data(portfolio: int, index: int, machine: str) -> str:
    if machine != GUARDED:
        return f'{{"portfolio":"FX-{portfolio}"}}'
    return f'{{"portfolio":"FX-{portfolio}","amount":{(portfolio * 7 + index * 37) % MOST_AMOUNT}}}'


def events(workflows: int, batch: str, *, open_at_once: int = 200, machine: str = MACHINE) -> list[Fields]:
    """The events of many workflows, mixed: some `open_at_once` are always under way."""
    choose = random.Random(workflows)
    begin_ns = time.time_ns()
    names = [f"{batch}-{number}" for number in range(workflows)]
    waiting = [workflow(name, number % 100, begin_ns, machine) for number, name in enumerate(names)][::-1]
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
