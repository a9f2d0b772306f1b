"""An OTLP endpoint whose mood can be set, and which remembers who sent what and when."""

import random
import threading
import time
from dataclasses import dataclass
from typing import Literal

from longspan.receiver import ACCEPTED, Answer, AnswerLost, ExportRequest, Receiver

Mood = Literal["good", "refusing", "slow", "forgetful"]
SENDER = "x-sender"  # the header that tells which worker's exporter it is
_MOST_PAUSE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A request that was accepted: when (monotonic), whose, its spans' ids, and whether the sender was told."""

    at_seconds: float
    sender: str
    span_ids: tuple[str, ...]
    told: bool


class Endpoint(Receiver):
    """Accepts everything while its `mood` is good; `forgetful`, it takes half of the requests without an answer."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.mood: Mood = "good"
        self.accepted: list[Acceptance] = []
        self.refused = 0
        self._choose = random.Random(seed)
        self._guard = threading.Lock()

    def answer(self, request: ExportRequest) -> Answer:
        """As the mood is."""
        with self._guard:
            chance, pause_seconds = self._choose.random(), self._choose.random() * _MOST_PAUSE_SECONDS
            status = self._choose.choice([429, 503])
        mood = self.mood
        if mood == "refusing" or (mood == "forgetful" and chance < 0.2):
            self.refused += 1
            return status, {"Retry-After": "1" if chance < 0.1 else "0"}, b""
        if mood == "slow":
            self.stopping.wait(pause_seconds)
        lost = mood == "forgetful" and chance < 0.6
        ids = tuple(span.span_id for span in request.spans)
        with self._guard:
            self.accepted.append(Acceptance(time.monotonic(), request.headers.get(SENDER, ""), ids, not lost))
        if lost:
            raise AnswerLost(kept=True)
        return ACCEPTED
