"""What this process has answered, counted. Only the server's loop writes it; any thread may read."""

from collections import Counter

from streams.histogram import SHORT_SECONDS, Histogram

METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"})
OTHER = "other"


class Traffic:
    """`requests` are by method, route (as the OpenAPI document writes it; `other` where there is none) and status;
    `seconds` how long their answers took to make, by method and route; `intake` counts events that were sent to the
    API: `accepted` ones are in Redis, `refused` ones cannot be taken, `turned_away` came while too many waited."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, str]] = Counter()
        self.seconds: dict[tuple[str, str], Histogram] = {}
        self.intake: Counter[str] = Counter()

    def answered(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """A request was answered; `seconds` is from its head until the head of the answer could be sent."""
        place = method if method in METHODS else OTHER, route or OTHER
        self.requests[*place, str(status)] += 1
        took = self.seconds.get(place)
        if took is None:
            took = self.seconds[place] = Histogram(SHORT_SECONDS)
        took.observe(seconds)
