"""What a poller notes of its own work, for those who ask how it is. One thread writes each, any may read."""

from collections import Counter
from collections.abc import Callable

from streams.histogram import SHORT_SECONDS, Histogram
from streams.loop import Loop

LATE_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
REQUEST_SECONDS = (*SHORT_SECONDS, 30.0, 60.0)


class PollStatistics:
    """Of one poller. `answers` counts answers by machine and what came of them, `changed`, `unchanged` or `failed`;
    `events` those that were `sent`, and those that the journals had already (`known`). `late_seconds` says how long
    after their time requests began. `held` and `members` are the partitions that it polls, and how many pollers there
    are; `polled` how many workflows, by machine; `troubled` and `troubled_lists` how many workflows and lists cannot be
    polled as they should, by machine and kind."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.watch = Loop(clock)
        self.sink = Loop(clock)
        self.turned = clock()
        self.answers: Counter[tuple[str, str]] = Counter()
        self.events: Counter[str] = Counter({"sent": 0, "known": 0})
        self.late_seconds = Histogram(LATE_SECONDS)
        self.request_seconds = Histogram(REQUEST_SECONDS)
        self.polled: Counter[str] = Counter()
        self.troubled: Counter[tuple[str, str]] = Counter()
        self.troubled_lists: Counter[tuple[str, str]] = Counter()
        self.hosts: dict[str, str] = {}  # what is wrong with a host, by its name
        self.under_way = 0
        self.held = 0
        self.members = 1
