"""Files folded anew by the machines given: all their workflows, with memory for those that are open only."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from machines.events import Event
from machines.history import History, Machines, arrived_ns
from machines.messages import decode_parent_ended, is_broadcast
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
    _unheard: dict[str, list[tuple[int, Event]]] = field(default_factory=dict)

    def feed(self, line: Line) -> tuple[History, ...]:
        """Take the next line; the histories of its workflow, one for each set of machines."""
        event = line.event
        subject = event.subject
        histories = self._histories.get(subject)
        if histories is None:
            histories = self._histories[subject] = tuple(History(subject, machines) for machines in self.machines)
            self._hear_what_waited(subject, histories)
        spoke, idle = False, True
        for history in histories:
            history.feed(line)
            spoke = spoke or bool(history.messages)
            idle = idle and history.idle
        if spoke:
            self._deliver(subject, histories)
        elif idle or subject in self._idle:
            self._note(subject, histories)
        told_ns = event.time_ns if line.fate is None else arrived_ns(event)
        if told_ns > self.horizon_ns:
            self.horizon_ns = told_ns
        return histories

    def let_go(self) -> Iterator[tuple[History, ...]]:
        """The workflows that are forgotten from now on, since more have ended after them than are kept."""
        while len(self._idle) > self.kept:
            subject = next(iter(self._idle))
            del self._idle[subject]
            histories = self._histories.pop(subject)
            self._run_out(subject, histories)
            yield _give_up(histories)

    def rest(self) -> Iterator[tuple[History, ...]]:
        """All that are left, as they are now, in the order in which they began."""
        return iter(self._histories.values())

    def finish(self) -> Iterator[tuple[History, ...]]:
        """All that are left, when the file has ended, in the order in which they began."""
        open_ones = dict.fromkeys(self._histories)
        while open_ones:  # what one says when its time runs out may wake another
            subject = next(iter(open_ones))
            del open_ones[subject]
            open_ones.update(dict.fromkeys(self._run_out(subject, self._histories[subject])))
        for histories in self._histories.values():
            yield _give_up(histories)
        self._histories, self._idle, self._unheard = {}, {}, {}

    def _run_out(self, subject: str, histories: tuple[History, ...]) -> set[str]:
        for history in histories:
            history.run_out(self.horizon_ns)
        return self._deliver(subject, histories)

    def _deliver(self, subject: str, histories: tuple[History, ...]) -> set[str]:
        """Let the workflows of the file hear what one has to say, each in its own set of machines; who heard."""
        heard: set[str] = set()
        self._note(subject, histories)
        for index, history in enumerate(histories):
            messages = deque(history.messages)
            history.messages.clear()
            while messages:
                message = messages.popleft()
                for target in self._targets(index, message):
                    if target not in self._histories:
                        self._wait(target, index, message)
                        continue
                    listener = self._histories[target][index]
                    listener.hear(msgspec.structs.replace(message, subject=target))
                    messages += listener.messages
                    listener.messages.clear()
                    heard.add(target)
        for target in heard:
            self._note(target, self._histories[target])
        return heard

    def _targets(self, index: int, message: Event) -> list[str]:
        if not is_broadcast(message):
            return [message.subject]
        parent = decode_parent_ended(message.data or "").parent.id
        return [name for name, told in self._histories.items() if told[index].snapshot.parent == parent]

    def _wait(self, target: str, index: int, message: Event) -> None:
        """Keep what is said to a workflow that the file has not told of yet; of those that never come not for ever."""
        self._unheard.setdefault(target, []).append((index, message))
        while len(self._unheard) > self.kept:
            del self._unheard[next(iter(self._unheard))]

    def _hear_what_waited(self, subject: str, histories: tuple[History, ...]) -> None:
        for index, message in self._unheard.pop(subject, ()):
            histories[index].hear(message)

    def _note(self, subject: str, histories: tuple[History, ...]) -> None:
        """Whether a workflow may be let go."""
        self._idle.pop(subject, None)
        if subject in self._histories and all(history.idle for history in histories):
            self._idle[subject] = None


def _give_up(histories: tuple[History, ...]) -> tuple[History, ...]:
    for history in histories:
        history.give_up()
    return histories
