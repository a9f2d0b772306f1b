"""All partitions at a glance, read anew at most once a second, however many probes and scrapers ask."""

from typing import Generic, TypeVar

from streams.client import Client
from streams.counts import Counts, count_states
from streams.keys import Keys
from streams.layout import read_partitions
from streams.pollers import Attendance, Duty, read_attendance
from streams.survey import Survey, survey

FRESH_SECONDS = 1.0

T = TypeVar("T")


class _Kept(Generic[T]):
    """The last answer, and when it was given."""

    def __init__(self) -> None:
        self.answer: T | None = None
        self.at = 0.0

    def find(self, now: float) -> T | None:
        return self.answer if self.at <= now < self.at + FRESH_SECONDS else None

    def keep(self, answer: T, now: float) -> T:
        self.answer, self.at = answer, now
        return answer


class Overview:
    """For one thread: who asks while another does waits for that answer. `now` is a steady clock, in seconds."""

    def __init__(self) -> None:
        self._partitions = 0
        self._survey: _Kept[Survey] = _Kept()
        self._counts: _Kept[Counts] = _Kept()
        self._attendance: _Kept[Attendance] = _Kept()

    def survey(self, client: Client, keys: Keys, now: float) -> Survey:
        """What waits in every partition. Raises redis.RedisError."""
        found = self._survey.find(now)
        return found or self._survey.keep(survey(client, keys, range(self._settle(client, keys))), now)

    def count(self, client: Client, keys: Keys, now: float, now_ms: int) -> Counts:
        """Workflows by machine, status and state. Raises redis.RedisError."""
        found = self._counts.find(now)
        return found or self._counts.keep(count_states(client, keys, self._settle(client, keys), now_ms), now)

    def attendance(self, client: Client, keys: Keys, now: float, duty: Duty) -> Attendance:
        """Who polls what there is to be polled. Raises redis.RedisError."""
        found = self._attendance.find(now)
        return found or self._attendance.keep(read_attendance(client, keys, self._settle(client, keys), duty), now)

    def _settle(self, client: Client, keys: Keys) -> int:
        self._partitions = self._partitions or read_partitions(client, keys) or 0
        return self._partitions
