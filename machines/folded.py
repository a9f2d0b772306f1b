"""A workflow of a file that keeps its journals as they are, not as they are stored."""

from dataclasses import dataclass

from machines.journal import Header, Record
from machines.timeouts import is_own
from machines.workflow import Workflow


@dataclass(slots=True)
class Run:
    """One run as it was folded. `ended` says whether it has; records of what came later stand behind the end."""

    workflow_id: str
    header: Header
    records: list[Record]
    ended: bool = False


class Folded(Workflow):
    """The last of `runs` may be open."""

    __slots__ = ("late", "news", "rejected", "runs")

    def __init__(self, subject: str) -> None:
        super().__init__(subject)
        self.runs: list[Run] = []
        self.rejected: set[tuple[str, str]] = set()
        self.news: list[Record] = []  # since it was cleared
        self.late = 0

    def write(self, entry: Header | Record) -> bytes:
        runs = self.runs
        if isinstance(entry, Header):
            runs.append(Run(self.subject, entry, []))
            return b""
        self.news.append(entry)
        if entry.result == "late":
            self.late += 1
        if runs:  # else it came late for a run that was taken
            runs[-1].records.append(entry)
            if entry.outcome is not None:
                runs[-1].ended = True
        if entry.result == "rejected" and not is_own(entry.event):
            self.rejected.add((entry.event.source, entry.event.id))
        return b""
