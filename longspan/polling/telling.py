"""Telling of troubles: each once when it begins and once when it is over, however often it is met meanwhile."""

import logging
from collections import Counter

from longspan.polling.asking import Fault
from longspan.polling.polled import Polled
from streams.troubles import Trouble, name_list

MOST_LINES = 5  # of one kind of trouble of one machine: with the system down, thousands of workflows have it at once

logger = logging.getLogger("longspan.poll")


class Telling:
    """Logs troubles of what is polled, and collects what is to be written of them."""

    def __init__(self) -> None:
        self.unwritten: dict[tuple[int, str], Trouble | None] = {}
        self.open: Counter[tuple[str, str]] = Counter()  # of workflows, by machine and kind
        self.open_lists: Counter[tuple[str, str]] = Counter()
        self._cut: set[str] = set()

    def note(self, polled: Polled, fault: Fault | None, now_ms: int) -> None:
        """What came of the last try, at `now_ms` since the epoch."""
        before = polled.trouble
        if fault is None:
            if before is not None:
                self.end(polled)
                self._tell_end(polled, before)
            return
        if before is not None and before.kind == fault.kind:
            return
        if before is not None:
            self.end(polled)
        self.begin(polled, Trouble(fault.kind, fault.detail, now_ms))
        self._tell_begin(polled, fault)

    def note_cut(self, polled: Polled) -> None:
        """A list has more pages than are read: said once of each machine."""
        machine, paging = polled.target.machine, polled.target.paging
        if paging is not None and machine not in self._cut:
            self._cut.add(machine)
            text = "the list of %s has more than %d pages: what stands behind them is not read (list.pages)"
            logger.warning(text, machine, paging.most)

    def begin(self, polled: Polled, trouble: Trouble) -> None:
        """Note a trouble without a word."""
        polled.trouble = trouble
        self._count(polled)[polled.target.machine, trouble.kind] += 1
        self._write(polled, trouble)

    def end(self, polled: Polled) -> None:
        """Forget the trouble of what is polled, or is no longer, without a word."""
        if polled.trouble is None:
            return
        key, count = (polled.target.machine, polled.trouble.kind), self._count(polled)
        count[key] -= 1
        if not count[key]:
            del count[key]
        polled.trouble = None
        self._write(polled, None)

    def _count(self, polled: Polled) -> Counter[tuple[str, str]]:
        return self.open_lists if polled.target.collects else self.open

    def _write(self, polled: Polled, trouble: Trouble | None) -> None:
        name = name_list(polled.target.machine) if polled.target.collects else polled.id
        self.unwritten[polled.partition, name] = trouble

    def _tell_begin(self, polled: Polled, fault: Fault) -> None:
        machine, number = polled.target.machine, self._count(polled)[polled.target.machine, fault.kind]
        if number <= MOST_LINES:
            logger.warning("%s: polling: %s", _name(polled), fault.detail, extra=_facts(polled))
        elif number == MOST_LINES + 1:
            text = "%s: more workflows have the same trouble (%s); their status says so, this log does not"
            logger.warning(text, machine, fault.kind)

    def _tell_end(self, polled: Polled, trouble: Trouble) -> None:
        if self._count(polled)[polled.target.machine, trouble.kind] < MOST_LINES:
            logger.info("%s: polled again without trouble (%s)", _name(polled), trouble.kind, extra=_facts(polled))


def _name(polled: Polled) -> str:
    return f"the list of {polled.target.machine}" if polled.target.collects else f"workflow {polled.id}"


def _facts(polled: Polled) -> dict[str, object]:
    return {} if polled.target.collects else {"workflow_id": polled.id, "run": polled.run}
