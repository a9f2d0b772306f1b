"""What goes wrong and when: a list of faults, drawn from a seed and nothing else."""

import random
from dataclasses import dataclass

WORKERS = ("one", "two")  # that work all the time
GUEST = "guest"  # that comes and goes
EVERYBODY = ""
MOST_DELAY_SECONDS = 0.2

# Kind -> how often, how long it lasts at least and at most (leases of a worker, or seconds where no worker is meant).
OF_WORKERS = {
    "kill": (4, 0.0, 1.0),
    "kill-parent": (3, 0.0, 1.0),
    "kill-exporter": (3, 0.0, 0.0),
    "suspend": (4, 1.1, 2.0),
    "suspend-exporter": (2, 1.1, 2.0),
    "cut": (3, 0.2, 2.0),
    "stall": (4, 0.2, 2.0),
    "lose-answers": (4, 0.2, 0.8),
    "roll": (3, 0.0, 0.5),
    "leave": (2, 0.5, 1.5),
}
OF_ALL = {
    "restart-redis": (2, 0.0, 0.5),
    "refuse": (2, 0.3, 2.0),
    "slow": (2, 0.5, 2.0),
    "lose-spans": (2, 0.3, 1.0),
    "kill-clients": (2, 0.0, 0.0),
    "flush-scripts": (2, 0.0, 0.0),
    "guest": (2, 2.0, 6.0),
}
KINDS = (*OF_WORKERS, *OF_ALL)


@dataclass(frozen=True, slots=True)
class Fault:
    """What, whom it hits (`EVERYBODY` where it is no single worker), when it begins and how long it lasts.

    `delay_seconds` pass between a burst of events and the fault.
    """

    kind: str
    worker: str
    at_seconds: float
    seconds: float
    delay_seconds: float


def draw(seed: int, count: int, lease_seconds: float, gap_seconds: float = 1.5) -> list[Fault]:
    """`count` faults in order of time, `gap_seconds` apart on average; of each kind at least one where there is room.

    What hits workers comes one at a time for each of them, and may meet what hits the others or everybody.
    """
    choose = random.Random(seed)
    weights = {kind: often for kind, (often, _, _) in (OF_WORKERS | OF_ALL).items()}
    kinds = choose.sample(KINDS, min(count, len(KINDS)))
    kinds += choose.choices(list(weights), list(weights.values()), k=count - len(kinds))
    choose.shuffle(kinds)
    free_at = dict.fromkeys((*WORKERS, *OF_ALL), 0.0)
    faults: list[Fault] = []
    now = 0.0
    for kind in kinds:
        now += choose.uniform(0.3, 1.7) * gap_seconds
        _, least, most = (OF_WORKERS | OF_ALL)[kind]
        seconds = choose.uniform(least, most)
        victim = choose.choice(WORKERS) if kind in OF_WORKERS else EVERYBODY
        if victim:
            seconds *= lease_seconds
        place = victim or kind
        begin = max(now, free_at[place])
        free_at[place] = begin + seconds + 0.5
        faults.append(Fault(kind, victim, begin, seconds, choose.uniform(0.0, MOST_DELAY_SECONDS)))
    return sorted(faults, key=lambda fault: fault.at_seconds)
