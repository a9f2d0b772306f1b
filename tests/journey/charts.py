"""Random machine documents: nested and parallel states, guards, variables, history, deadlines, several ways to end."""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from machines.catalog import Catalog, load_catalog

Document = dict[str, Any]


def random_document(seed: int, *, export: str = "complete", name: str = "generated", plain: bool = False) -> Document:
    """A valid machine document. The same seed gives the same one; a `plain` one never looks at data or history."""
    return _Writer(random.Random(seed), plain).write(name, export)


def add_deadlines(document: Document, seed: int, after: Sequence[str]) -> None:
    """Give about half of a document's states deadlines of these durations, and the whole workflow perhaps one."""
    choose = random.Random(seed)
    taken = dict(_taken_events(document["chart"]["states"]))
    deadlines = {path: choose.choice(events) for path, events in taken.items() if events and choose.random() < 0.5}
    if choose.random() < 0.5:
        deadlines[document["machine"]] = "give_up"
    document["deadlines"] = {path: {"after": choose.choice(after), "send": send} for path, send in deadlines.items()}


def random_catalog(folder: Path, seed: int, *, plain: bool, export: str) -> Catalog:
    """One generated machine with deadlines; its document is left in the folder."""
    document = random_document(seed, plain=plain, export=export)
    add_deadlines(document, seed, ["5s", "20s", "1m", "4m"])
    (folder / "generated.json").write_text(json.dumps(document))
    return load_catalog([str(folder)])


def _taken_events(states: Document, around: str = "") -> Iterator[tuple[str, list[str]]]:
    """The path of each state that is not final, with the events that it takes itself."""
    for name, state in states.items():
        if not state.get("final"):
            events = [transition["event"] for transition in state["transitions"]] if "transitions" in state else []
            yield around + name, [event for event in events if not event.startswith("done.")]
            yield from _taken_events(state.get("states", {}), f"{around}{name}.")


class _Writer:
    def __init__(self, choose: random.Random, plain: bool) -> None:
        self._choose = choose
        self._plain = plain
        self._events = [f"e{number}" for number in range(choose.randint(5, 9))]
        self._states = 0

    def write(self, name: str, export: str) -> Document:
        stages = [self._fresh("s") for _ in range(self._choose.randint(3, 5))]
        finals = {"done": "ok", "broken": "error", "overrun": "timeout", "dropped": "cancelled"}
        states: Document = {}
        for index, stage in enumerate(stages):
            onward = stages[index + 1] if index + 1 < len(stages) else "done"
            states[stage] = self._stage(stage, onward, [*stages, *finals])
        states[stages[0]]["transitions"] += [{"event": "give_up", "target": final} for final in list(finals)[1:2]]
        states[stages[-1]]["transitions"] += [
            {"event": "give_up", "target": "broken"},
            {"event": "too_long", "target": "overrun"},
            {"event": "stop", "target": "dropped"},
        ]
        return {
            "machine": name,
            "version": 1,
            "starts_on": [f"com.example.{name}.started"],
            "attributes": ["n", "label", "tags", "shape"],
            "export": export,
            "outcomes": finals,
            "chart": {
                **({} if self._plain else {"datamodel": {"count": "0"}}),
                "states": states | {final: {"final": True} for final in finals},
            },
        }

    def _stage(self, stage: str, onward: str, everywhere: list[str]) -> Document:
        kind = self._choose.choice(["plain", "plain", "compound", "compound", "parallel"])
        state: Document = {"transitions": [{"event": "next", "target": onward}]}
        if kind == "compound":
            state["states"] = self._children(stage, with_final=False)
            if not self._plain and self._choose.random() < 0.5:
                state["history"] = {f"{stage}_before": {"type": self._choose.choice(["shallow", "deep"])}}
                state["transitions"].append({"event": "again", "target": f"{stage}_before"})
        elif kind == "parallel":
            state["parallel"] = True
            state["states"] = {}
            for _ in range(2):
                region = self._fresh("r")
                state["states"][region] = {"states": self._children(region, with_final=True)}
            state["transitions"].append({"event": f"done.state.{stage}", "target": onward})
        for _ in range(self._choose.randint(0, 2)):
            transition: Document = {"event": self._event(), "target": self._choose.choice([stage, *everywhere])}
            guard = self._choose.choice([None, None, "data.n > 3", "attributes.label == 'blue'", "count < 2"])
            if guard and not self._plain:
                transition["cond"] = guard
            if not self._plain and self._choose.random() < 0.4:
                transition["on"] = {"assign": {"location": "count", "expr": "count + 1"}}
            state["transitions"].append(transition)
        return state

    def _children(self, parent: str, *, with_final: bool) -> Document:
        names = [self._fresh("c") for _ in range(self._choose.randint(2, 3))]
        children: Document = {}
        for index, name in enumerate(names):
            transitions = [{"event": self._event(), "target": names[(index + 1) % len(names)]}]
            if self._choose.random() < 0.3:
                transitions.append({"event": self._event(), "target": self._choose.choice(names)})
            children[name] = {"transitions": transitions}
        if with_final:
            final = f"{parent}_end"
            children[names[-1]]["transitions"].append({"event": "finish", "target": final})
            children[final] = {"final": True}
        elif self._choose.random() < 0.3:
            inner = self._fresh("c")
            children[inner] = {
                "states": self._children(inner, with_final=False),
                "transitions": [{"event": self._event(), "target": names[0]}],
            }
            children[names[0]]["transitions"].append({"event": "deeper", "target": inner})
        return children

    def _event(self) -> str:
        return self._choose.choice(self._events)

    def _fresh(self, letter: str) -> str:
        self._states += 1
        return f"{letter}{self._states}"
