"""What the simulated external systems do: one play per shipped machine, from a random generator alone."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Random = random.Random


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happens `at_seconds` after the start of a workflow, simulated time.

    `name` says what it is within its workflow, where it is not just the next thing that happens. `part` names the part
    of the workflow, a workflow of its own, that it happens in.
    """

    at_seconds: float
    type: str
    data: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    part: str = ""


@dataclass(frozen=True, slots=True)
class Play:
    """A kind of workflow: its machine, how its ids begin, and what happens in one of them.

    `numbered` says whether its producer numbers events with `sequence`; `part_machine` is the machine of its parts.
    """

    machine: str
    name: str
    perform: Callable[[Random], list[Happening]]
    numbered: bool = False
    part_machine: str = ""


def repeatable(seed: int, workflow_id: str) -> Random:
    """What decides everything that happens in a workflow."""
    return Random(f"{seed}/{workflow_id}")


class _Scene:
    """Collects happenings along one line of time."""

    def __init__(self, chance: Random, prefix: str, at_seconds: float = 0.0, part: str = "") -> None:
        self.happenings: list[Happening] = []
        self.at_seconds = at_seconds
        self._chance = chance
        self._prefix = prefix
        self._part = part

    def tell(self, name: str, least: float = 0.0, most: float = 0.0, **data: Any) -> None:
        """The next thing to happen, between `least` and `most` seconds after the last."""
        self.at_seconds += self._chance.uniform(least, most)
        at_seconds = round(self.at_seconds, 3)
        self.happenings.append(Happening(at_seconds, f"{self._prefix}.{name}", data, part=self._part))


def calculate_risk(chance: Random) -> list[Happening]:
    """Three stages, one in ten of which fails."""
    scene = _Scene(chance, "com.example.risk")
    portfolio = chance.choice(["FX", "rates", "credit", "equity"])
    scene.tell("submitted", portfolio=portfolio, region=chance.choice(["EMEA", "APAC", "AMER"]))
    stages = (
        ("loading", "loaded", 120, 360, f"no market data for {portfolio} on the trade date"),
        ("calculating", "calculated", 480, 1500, "the scenario engine ran out of memory on node 7"),
        ("writing", "written", 60, 240, "the report store answered 507 Insufficient Storage"),
    )
    for begun, done, least, most, trouble in stages:
        scene.tell(begun, 5, 40)
        if chance.random() < 0.1:
            scene.tell("failed", least / 4, most / 2, error=trouble)
            return scene.happenings
        if chance.random() < 0.03:
            scene.tell("cancelled", 10, least)
            return scene.happenings
        scene.tell(done, least, most)
    return scene.happenings


def run_pipeline(chance: Random) -> list[Happening]:
    """A build, three jobs side by side, and a deployment."""
    scene = _Scene(chance, "com.example.ci")
    commit = f"{chance.getrandbits(28):07x}"
    scene.tell("pushed", repository=chance.choice(["billing", "search", "web"]), branch="main", commit=commit)
    if chance.random() < 0.08:
        scene.tell("build_failed", 40, 120, error="src/ledger.rs:88: mismatched types")
        return scene.happenings
    scene.tell("built", 60, 240)
    jobs = (("unit", "passed", 180, 540), ("lint", "passed", 30, 90), ("image", "pushed", 120, 360))
    ends, happenings = [], scene.happenings
    for job, done, least, most in jobs:
        line = _Scene(chance, f"com.example.ci.{job}", scene.at_seconds)
        line.tell("started", 3, 25)
        line.tell(done, least, most)
        happenings += line.happenings
        ends.append(line.at_seconds)
    if chance.random() < 0.12:
        return _cut(happenings, "com.example.ci.unit.passed", "com.example.ci.unit.failed", "2 of 814 tests failed")
    finish = _Scene(chance, "com.example.ci", max(ends))
    if chance.random() < 0.06:
        finish.tell("deploy_failed", 30, 120, error="the new pods never became ready")
    else:
        finish.tell("deployed", 60, 200)
    return sorted(happenings, key=_when) + finish.happenings


def fulfil_order(chance: Random) -> list[Happening]:
    """A payment that is tried up to three times, then the goods on their way.

    All within half an hour: event times lie in the past, and the machine's deadline for the payment is a real one.
    """
    scene = _Scene(chance, "com.example.shop.order")
    customer = f"c-{chance.randint(1000, 9999)}"
    scene.tell("placed", customer=customer, amount=chance.randint(500, 90_000) / 100, currency="EUR")
    for attempt in (1, 2, 3):
        if chance.random() > 0.35:
            scene.tell("authorized", 4, 30)
            break
        retryable = attempt < 3 and chance.random() > 0.1
        trouble = "the bank did not answer" if retryable else "the card was declined"
        scene.tell("declined", 4, 30, retryable=retryable, error=trouble)
        if not retryable:
            return scene.happenings
        scene.tell("retried", 30, 120)
    if chance.random() < 0.07:
        scene.tell("withdrawn", 60, 300)
        return scene.happenings
    scene.tell("packed", 120, 420, carrier=chance.choice(["DHL", "UPS", "bicycle"]))
    if chance.random() < 0.25:
        scene.tell("packed", 20, 90, carrier="a second label")  # impossible in this state: rejected, and shown
    scene.tell("delivered", 240, 780)
    return scene.happenings


def value_book(chance: Random) -> list[Happening]:
    """A valuation in shards side by side, whose number is known only when it has been split."""
    scene = _Scene(chance, "com.example.valuation")
    scene.tell("requested", book=chance.choice(["swaps", "bonds", "options"]))
    shards = chance.randint(3, 6)
    scene.tell("split", 20, 60, shards=shards)
    happenings = scene.happenings
    for number in range(1, shards + 1):
        line = _Scene(chance, "com.example.valuation.shard", scene.at_seconds, f"shard-{number}")
        line.tell("queued", 1, 5, shard=number, positions=chance.randint(800, 9_000))
        line.tell("running", 5, 120)
        if chance.random() < 0.04:
            line.tell("failed", 30, 200, error=f"no discount curve for {chance.choice(['JPY', 'CHF'])}")
        else:
            line.tell("valued", 120, 600)
        happenings += line.happenings
    return sorted(happenings, key=_when)


PLAYS = (
    Play("risk-calculation", "risk", calculate_risk, numbered=True),
    Play("ci-pipeline", "build", run_pipeline),
    Play("order", "order", fulfil_order),
    Play("valuation", "valuation", value_book, part_machine="valuation-shard"),
)


def _cut(happenings: list[Happening], instead_of: str, event_type: str, trouble: str) -> list[Happening]:
    """What happens until one thing goes wrong that would have gone right; nothing more is told after it."""
    told: list[Happening] = []
    for happening in sorted(happenings, key=_when):
        if happening.type == instead_of:
            return [*told, Happening(happening.at_seconds, event_type, {"error": trouble})]
        told.append(happening)
    return told


def _when(happening: Happening) -> float:
    return happening.at_seconds
