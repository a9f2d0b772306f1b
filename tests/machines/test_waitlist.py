"""Events that wait: the list that looks only at what may be ready chooses what one would choose that looks at all."""

import random
from collections.abc import Callable, Iterator
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from machines.admission import AmbiguousMachineError, Hold, find_hold
from machines.catalog import Catalog
from machines.changes import Held, Limits
from machines.events import Event
from machines.messages import CHILD_STARTED, PARENT_JOINED, ChildStarted, ParentJoined, make_message
from machines.place import Place, Top
from machines.snapshot import Snapshot
from machines.waitlist import Waitlist
from tests.support.folding import DOOR, START_NS, Folding, make_event, make_machine
from tests.support.seeds import SEED

TIMED = DOOR.replace("outcomes:", "deadlines: {opened: {after: 3s, send: burn}}\n    outcomes:")
GATE = DOOR.replace("machine: door", "machine: gate")
HATCH = GATE.replace("com.x.built", "com.x.cut")
CATALOGS = {
    "none": (),
    "door": (make_machine(TIMED),),
    "both": (make_machine(TIMED), make_machine(HATCH)),
    "ambiguous": (make_machine(TIMED), make_machine(GATE)),
    "newer": (make_machine(TIMED.replace("machine: door", "machine: door\n    version: 2")),),
}

Happening = tuple[str, str | None, int | None, int, int] | str
PARENT = Place("p", "m", 1, "", 0, 1, 0, Top("m", "p", 1))


class PlainList:
    """The rule itself: the first one that can be applied goes on, and everything is looked at each time."""

    def __init__(self) -> None:
        self.held: list[Held] = []

    def __len__(self) -> int:
        return len(self.held)

    def __iter__(self) -> Iterator[Held]:
        return iter(self.held)

    def __getitem__(self, index: int) -> Held:
        return self.held[index]

    def holds(self, identity: tuple[object, ...]) -> bool:
        return any(held.event.identity == identity for held in self.held)

    def add(self, held: Held) -> None:
        self.held.append(held)

    def find(self, name: tuple[str, str]) -> int | None:
        names = [(held.event.source, held.event.id) for held in self.held]
        return names.index(name) if name in names else None

    def replace(self, index: int, event: Event) -> None:
        self.held[index] = Held(event, self.held[index].reason, self.held[index].since_ms)

    def take(self, index: int) -> Held:
        return self.held.pop(index)

    def ready(self, catalog: Catalog, snapshot: Snapshot) -> int | None:
        self.holds_now = [_find_hold(catalog, snapshot, held) for held in self.held]
        ready = {None, Hold.PARENT} if snapshot.joining is None else {None}
        return next((index for index, hold in enumerate(self.holds_now) if hold in ready), None)

    def relabel(self, now_ms: int) -> bool:
        before = self.held
        self.held = [
            held if hold is None or held.reason == hold.value else Held(held.event, hold.value, now_ms)
            for held, hold in zip(before, self.holds_now, strict=True)
        ]
        return self.held != before

    def lowest(self, snapshot: Snapshot) -> int | None:
        numbered = [index for index, held in enumerate(self.held) if held.reason == Hold.SEQUENCE.value]
        return min(numbered, key=lambda index: self.held[index].event.sequence or 0, default=None)

    def oldest_ms(self, reason: Hold) -> int | None:
        return min((held.since_ms for held in self.held if held.reason == reason.value), default=None)

    def take_since(self, reason: Hold, until_ms: int) -> list[Held]:
        taken = [held for held in self.held if held.reason == reason.value and held.since_ms <= until_ms]
        self.held = [held for held in self.held if held not in taken]
        return taken


def _find_hold(catalog: Catalog, snapshot: Snapshot, held: Held) -> Hold | None:
    try:
        return find_hold(catalog, snapshot, held.event)
    except AmbiguousMachineError:
        return None


def _live(happenings: list[Happening], limits: Limits, *, plain: bool = False) -> Folding:
    folding = Folding(*CATALOGS["door"], limits=limits)
    if plain:
        folding.workflow.held = cast(Waitlist, PlainList())
    for happening in happenings:
        folding.now_ms += 1
        if isinstance(happening, tuple):
            event, machine, sequence, at, number = happening
            name, parent = event.removeprefix("part "), "p" if event.startswith("part ") else None
            sent = make_event(f"com.x.{name}", id=str(number), machine=machine, sequence=sequence, at=at, parent=parent)
            folding.receive(sent)
        elif happening in ("joined", "child"):
            folding.receive(_message(happening, folding))
        elif happening in CATALOGS:
            folding.load(*CATALOGS[happening])
            folding.release()
        elif happening == "deadline":
            if folding.workflow.due_deadline() is not None:
                folding.fire()
        else:
            folding.expire(folding.now_ms + (40 if happening == "long wait" else 10))
    return folding


def _message(kind: str, folding: Folding) -> Event:
    """The parent's answer, or what a child says that begins."""
    if kind == "joined":
        joined = ParentJoined(folding.snapshot.run + 1, PARENT)
        return make_message(PARENT_JOINED, f"joined-{folding.now_ms}", "wf", START_NS, joined)
    return make_message(CHILD_STARTED, f"child-{folding.now_ms}", "wf", START_NS, ChildStarted("c", "door", 1))


def _result(folding: Folding) -> tuple[object, ...]:
    return *folding.everything(), list(folding.workflow.held), folding.workflow.expires_ms(folding.limits)


def _random_story(choose: random.Random) -> list[Happening]:
    story: list[Happening] = []
    for _ in range(50):
        kind = choose.random()
        if kind < 0.1:
            story.append(choose.choice(["none", "door", "door", "both", "ambiguous", "newer"]))
        elif kind < 0.2:
            story.append(choose.choice(["wait", "wait", "long wait", "deadline", "joined", "joined", "child"]))
        else:
            events = [
                "built",
                "built",
                "part built",
                "cut",
                "open",
                "close",
                "burn",
                "tear_down",
                "tear_down",
                "nonsense",
            ]
            machine = choose.choice([None, None, None, "door", "gate"])
            sequence = choose.choice([None, choose.randrange(5), choose.randrange(12)])
            story.append((choose.choice(events), machine, sequence, choose.randrange(10), choose.randrange(100)))
    return story


@settings(deadline=None, max_examples=400)
@given(st.integers(0, 2**32), st.sampled_from([4, 100]))
def test_what_waits_goes_on_as_if_all_of_it_were_looked_at_each_time(seed: int, waiting: int) -> None:
    story = _random_story(random.Random(seed))
    limits = Limits(early_wait_ms=30, reorder_wait_ms=15, parent_wait_ms=25, waiting=waiting)
    assert _result(_live(story, limits)) == _result(_live(story, limits, plain=True))


def _backwards(count: int) -> list[Happening]:
    numbered: list[Happening] = [("open", None, number, 0, number) for number in range(count, 1, -1)]
    return [*numbered, ("built", None, 1, 0, 1)]


def _with_gaps(count: int) -> list[Happening]:
    numbered: list[Happening] = [("open", None, number, 0, number) for number in range(3, count, 2)]
    return [("built", None, 1, 0, 1), *numbered, "long wait"]


def _many_runs(count: int) -> list[Happening]:
    life = ["built", "open", "close", "tear_down"]
    told = [(life[number % 4], "door", number + 1, 0, number) for number in range(count)]
    random.Random(SEED).shuffle(told)
    return ["none", *told, "door"]


@pytest.mark.parametrize("story", [_backwards, _with_gaps, _many_runs])
def test_the_cost_of_an_event_that_waits_does_not_grow_with_how_many_wait(
    story: Callable[[int], list[Happening]], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    def find(catalog: Catalog, snapshot: Snapshot, event: Event) -> Hold | None:
        nonlocal looks
        looks += 1
        return find_hold(catalog, snapshot, event)

    monkeypatch.setattr("machines.waitlist.find_hold", find)
    counted = []
    for count in (200, 400):
        looks = 0
        folding = _live(story(count), Limits(reorder_wait_ms=1, waiting=10_000))
        assert folding.snapshot.run
        counted.append(looks / count)
    assert counted[0] < 8
    assert counted[1] < 1.5 * counted[0]
