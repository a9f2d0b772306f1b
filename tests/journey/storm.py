"""An OTLP endpoint that behaves badly at random, and remembers what it may have caused."""

import random
import threading
import time
from collections.abc import Callable

from longspan.received import ReceivedSpan
from longspan.receiver import ACCEPTED, Answer, AnswerLost, ExportRequest, Receiver

_LOST = 0.06
_CUT = 0.06
_BUSY = 0.1
_SLOW = 0.06
_ON_ITS_WAY_SECONDS = 0.4  # longer than the storm is slow, shorter than a worker takes to start


class Storm(Receiver):
    """Refuses, is slow, cuts connections before and after taking the spans; `poisoned` spans are refused for good.

    `repeatable` are the ids of spans that were taken although nobody was told: only these may come again. `accepted_at`
    are times of acceptance (monotonic) with the ids of the spans, for whoever kills the other side; `refused` is set
    when spans were just refused, the moment when a kill hurts most.
    """

    def __init__(self, seed: int, poisoned: Callable[[ReceivedSpan], bool] | None = None) -> None:
        super().__init__()
        self.repeatable: set[str] = set()
        self.accepted_at: list[tuple[float, list[str]]] = []
        self.answers: dict[str, int] = {}
        self.refused = threading.Event()
        self._poisoned = poisoned
        self._choose = random.Random(seed)
        self._guard = threading.Lock()

    def answer(self, request: ExportRequest) -> Answer:
        """One of the many ways to answer."""
        ids = [span.span_id for span in request.spans]
        with self._guard:
            weather = self._choose.random()
            pause_seconds = self._choose.uniform(0.02, 0.2)
            retry_after = "1" if self._choose.random() < 0.2 else "0"
            status = self._choose.choice([429, 502, 503, 504])
        if weather < _BUSY:
            self.refused.set()
            return self._count(str(status), (status, {"Retry-After": retry_after}, b""))
        if weather < _BUSY + _CUT:
            self._count("cut", ACCEPTED)
            raise AnswerLost(kept=False)
        if self._poisoned and any(map(self._poisoned, request.spans)):
            return self._count("400", (400, {"Content-Type": "text/plain"}, b"poisoned span"))
        if weather < _BUSY + _CUT + _LOST:
            self._count("lost", ACCEPTED)
            with self._guard:
                self.repeatable.update(ids)
            raise AnswerLost(kept=True)
        if weather < _BUSY + _CUT + _LOST + _SLOW:
            self.stopping.wait(pause_seconds)
        with self._guard:
            self.accepted_at.append((time.monotonic(), ids))
        return self._count("200", ACCEPTED)

    def forgive(self, killed_at: float) -> None:
        """The exporter was killed then: of the one request that was on its way, or just answered, it may know nothing.

        To be called afterwards, since a request of a killed sender may still be accepted.
        """
        with self._guard:
            earlier = [ids for at, ids in self.accepted_at if at <= killed_at + _ON_ITS_WAY_SECONDS]
            self.repeatable.update(*earlier[-1:])

    def _count(self, name: str, answer: Answer) -> Answer:
        with self._guard:
            self.answers[name] = self.answers.get(name, 0) + 1
        return answer
