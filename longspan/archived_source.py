"""Runs to be rebuilt, from an archive."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from longspan.archive_reading import ArchivedRun, read_archive
from longspan.rebuild_source import Choice, Fail, Run, ignore

if TYPE_CHECKING:
    from spans.redelivery import Mark


@dataclass(slots=True)
class ArchivedSource:
    """The runs of an archive, file by file. `passed` and `fail` are as `LiveSource` says.

    A place is a file, and how many of its runs were told.
    """

    directory: Path
    prefix: str
    choice: Choice
    now_ms: Callable[[], int]
    passed: Counter[str] = field(default_factory=Counter)
    fail: Fail = ignore

    def runs(self, after: "Mark | None" = None) -> Iterator[Run]:
        """The runs behind a place. Raises NotFoundError where there is no archive."""
        from streams.deliveries import Delivery

        begin = None if after is None else (_order(after[:5]), int(str(after[5])))
        number, current = 0, None
        for found in read_archive(self.directory, self.prefix, self.choice.ids):
            if not isinstance(found, ArchivedRun):
                self.fail(found.file.path.name, 0, str(found.error))
                continue
            file, run = found
            number, current = (number + 1 if file == current else 1), file
            mark = (file.partitions, file.partition, file.from_ms, file.to_ms, file.path.name, number)
            if begin is not None and (_order(mark[:5]), number) <= begin:
                continue
            if self.choice.fits(run.header, run.records[0]) and self.choice.ends_so(run.records):
                delivery = Delivery(file.partition, run.workflow_id, run.header.run, file.to_ms)
                yield Run(mark, delivery, run.header, iter(run.records))

    def find(self, workflow_id: str, run: int) -> Run | None:
        """One run; None where it is not there."""
        only = ArchivedSource(self.directory, self.prefix, Choice((workflow_id,), run), self.now_ms)
        return next(only.runs(), None)

    def count_open(self) -> int:
        """What is archived has ended."""
        return 0


def _order(place: tuple[object, ...]) -> tuple[int, int, int, int, str]:
    partitions, partition, from_ms, to_ms = (int(str(part)) for part in place[:4])
    return partitions, partition, from_ms, to_ms, str(place[4])
