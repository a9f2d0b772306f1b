"""What the simulated risk system does with a workflow: three stages in a row, drawn from its id and a seed."""

import random
from dataclasses import dataclass
from typing import Literal

from longspan.plays import Happening, Play

StageName = Literal["DataLoader", "Processor", "OutputGenerator"]
Status = Literal["Initializing", "Processing", "Completed", "Failed"]

_PREFIX = "com.example.risk.workflow"
_ONE_FAILS_IN = 10
_KINDS: tuple[
    tuple[StageName, tuple[int, int], str], ...
] = (  # stage, seconds that its processing takes, and what goes wrong with one that fails
    ("DataLoader", (60, 180), "no market data for the trade date"),
    ("Processor", (300, 900), "the scenario engine ran out of memory on node 7"),
    ("OutputGenerator", (30, 120), "the report store answered 507 Insufficient Storage"),
)


@dataclass(frozen=True, slots=True)
class StageRun:
    """One stage of a workflow. Times are seconds of simulated time since it was submitted; `error` where it fails."""

    name: StageName
    initializing_seconds: float
    processing_seconds: float
    ended_seconds: float
    error: str | None

    @property
    def outcome(self) -> Status:
        """The status that it ends in."""
        return "Completed" if self.error is None else "Failed"


@dataclass(frozen=True, slots=True)
class History:
    """A workflow from its submission to its end; `stages` are those that it comes to."""

    portfolio: str
    region: str
    stages: tuple[StageRun, ...]

    @property
    def length_seconds(self) -> float:
        """From the submission to the end, simulated time."""
        return self.stages[-1].ended_seconds

    def happenings(self) -> list[Happening]:
        """What happens, in order, as it is told in events."""
        told = [Happening(0.0, f"{_PREFIX}.submitted", {"portfolio": self.portfolio, "region": self.region})]
        for stage in self.stages:
            data: dict[str, str] = {"stage": stage.name}
            statuses: list[tuple[float, Status]] = [
                (stage.initializing_seconds, "Initializing"),
                (stage.processing_seconds, "Processing"),
                (stage.ended_seconds, stage.outcome),
            ]
            for at_seconds, status in statuses:
                if status == "Failed":
                    data = {**data, "error": stage.error or ""}
                told.append(Happening(at_seconds, f"{_PREFIX}.{status.lower()}", data, f"{stage.name}.{status}"))
        return told


def draw_history(chance: random.Random) -> History:
    """The history of a workflow."""
    portfolio = chance.choice(["FX", "rates", "credit", "equity"])
    region = chance.choice(["EMEA", "APAC", "AMER"])
    fails = chance.randrange(len(_KINDS)) if chance.randrange(_ONE_FAILS_IN) == 0 else None
    stages: list[StageRun] = []
    at = 0.0
    for number, (name, (least, most), trouble) in enumerate(_KINDS):
        initializing = at + chance.uniform(1, 10)
        processing = initializing + chance.uniform(5, 30)
        length = chance.uniform(least, most)
        at = processing + (length * chance.uniform(0.1, 0.9) if number == fails else length)
        error = trouble if number == fails else None
        stages.append(StageRun(name, round(initializing, 3), round(processing, 3), round(at, 3), error))
        if error:
            break
    return History(portfolio, region, tuple(stages))


def run_workflow(chance: random.Random) -> list[Happening]:
    """What the system would push of a workflow."""
    return draw_history(chance).happenings()


RISK_WORKFLOW = Play("risk-workflow", "workflow", run_workflow)
