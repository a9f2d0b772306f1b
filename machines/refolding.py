"""Files folded anew by the machines given: all their workflows, with memory for those that are open only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from machines.history import History, Machines, arrived_ns
from machines.recorded_line import Line

ENDED_KEPT = 10_000  # workflows that have ended, or wait for their start: what comes later for others is not known


@dataclass(slots=True)
class Refolding:
    """All workflows of a file, each folded by every set of machines side by side.

    `horizon_ns` is the latest time that the file has told of.
    """

    machines: Sequence[Machines]
    kept: int = ENDED_KEPT
    horizon_ns: int = 0
    _histories: dict[str, tuple[History, ...]] = field(default_factory=dict)
    _idle: dict[str, None] = field(default_factory=dict)

    def feed(self, line: Line) -> tuple[History, ...]:
        """Take the next line; the histories of its workflow, one for each set of machines."""
        event = line.event
        subject = event.subject
        histories = self._histories.get(subject)
        if histories is None:
            histories = self._histories[subject] = tuple(History(subject, machines) for machines in self.machines)
        else:
            self._idle.pop(subject, None)
        idle = True
        for history in histories:
            history.feed(line)
            idle = idle and history.idle
        if idle:
            self._idle[subject] = None
        told_ns = event.time_ns if line.fate is None else arrived_ns(event)
        if told_ns > self.horizon_ns:
            self.horizon_ns = told_ns
        return histories

    def let_go(self) -> Iterator[tuple[History, ...]]:
        """The workflows that are forgotten from now on, since more have ended after them than are kept."""
        while len(self._idle) > self.kept:
            subject = next(iter(self._idle))
            del self._idle[subject]
            yield self._finish(self._histories.pop(subject))

    def rest(self) -> Iterator[tuple[History, ...]]:
        """All that are left, as they are now, in the order in which they began."""
        return iter(self._histories.values())

    def finish(self) -> Iterator[tuple[History, ...]]:
        """All that are left, when the file has ended, in the order in which they began."""
        for histories in self._histories.values():
            yield self._finish(histories)
        self._histories, self._idle = {}, {}

    def _finish(self, histories: tuple[History, ...]) -> tuple[History, ...]:
        for history in histories:
            history.finish(self.horizon_ns)
        return histories
