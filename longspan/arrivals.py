"""How the events of a play arrive: some late, some twice, some before the one that starts the workflow."""

import random
from dataclasses import dataclass, replace

from longspan.plays import Happening, Play, repeatable
from longspan.simulated_events import Fields, tell


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event at the door, `at_seconds` of simulated time after the start of its workflow.

    `again` on a repetition, `late` where it comes behind an event that happened after it.
    """

    at_seconds: float
    happening: Happening
    number: int
    again: bool = False
    late: bool = False

    def fields(self, play: Play, workflow_id: str, start_ns: int) -> Fields:
        """The entry of the ingress stream; `start_ns` is when the workflow began, event time."""
        return tell(play, workflow_id, self.number, self.happening, start_ns + round(self.happening.at_seconds * 1e9))


def arrange(play: Play, seed: int, workflow_id: str) -> list[Arrival]:
    """The arrivals of one workflow, in order of arrival; the same seed and id give the same ones."""
    chance = repeatable(seed, workflow_id)
    happenings = play.perform(chance)
    arrivals = [Arrival(happening.at_seconds, happening, number) for number, happening in enumerate(happenings, 1)]
    late = _choose_late(play, arrivals, chance)
    if late is not None:
        follower = arrivals[late + 1]
        arrivals[late] = replace(arrivals[late], at_seconds=follower.at_seconds + 1, late=True)
    repeated = [
        replace(arrival, at_seconds=arrival.at_seconds + chance.uniform(1, 60), again=True)
        for arrival in arrivals
        if chance.random() < 0.12
    ]
    return sorted(arrivals + repeated, key=lambda arrival: arrival.at_seconds)


def _choose_late(play: Play, arrivals: list[Arrival], chance: random.Random) -> int | None:
    """Which event arrives behind the next one: with numbers any may, without them only the start is waited for."""
    if len(arrivals) < 2 or chance.random() > 0.4:
        return None
    return chance.randrange(len(arrivals) - 1) if play.numbered else 0
