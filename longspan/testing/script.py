"""Events as a test writes them down: a file, CloudEvents as dicts, or types alone with times counted on."""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longspan.testing.errors import BadEventError, UnknownMachineError
from machines.catalog import Catalog
from machines.durations import parse_duration
from machines.entries import check_attributes, open_structured
from machines.errors import DurationError, EventError, LineError
from machines.instants import LATEST_NS, format_instant, parse_instant
from machines.recorded_line import Line, read_line

Item = str | tuple[str, Mapping[str, Any]] | Mapping[str, Any]
Source = str | Path | Sequence[Item]

START_NS = parse_instant("2026-01-01T00:00:00Z")
STEP_NS = 10**9
SUBJECT = "workflow-1"


@dataclass(slots=True)
class Passing:
    """Time that passes until `until_ns` although nothing arrives."""

    until_ns: int


class Script:
    """Reads what a test wrote, for the machines of a catalog. Times are counted on from `start_ns` by `step_ns`."""

    def __init__(self, catalog: Catalog, start_ns: int = START_NS, step_ns: int = STEP_NS) -> None:
        self._catalog = catalog
        self._next_ns = start_ns
        self._step_ns = step_ns
        self._count = 0
        self._subject = SUBJECT
        self._begun: set[str] = set()

    def read(self, source: Source) -> Iterator[Line | Passing]:
        """The events in order. Raises BadEventError, UnknownMachineError, OSError."""
        if isinstance(source, str | Path):
            path = Path(source)
            for number, text in enumerate(_read_file(path), 1):
                if text.strip():
                    try:
                        yield self._known(read_line(text, number), f"{path.name} line {number}")
                    except LineError as error:
                        raise BadEventError(str(path), str(error)) from None
            return
        for index, item in enumerate(source):
            yield self._read_item(item, f"events[{index}]")

    def pass_time(self, now_ns: int) -> None:
        """Count on from now, unless times have come further already."""
        self._next_ns = max(self._next_ns, now_ns)

    def _read_item(self, item: Item, place: str) -> Line | Passing:
        if isinstance(item, str):
            try:
                self._next_ns = min(self._next_ns - self._step_ns + parse_duration(item), LATEST_NS)
            except DurationError:
                return self._make({"type": item}, place)
            passing, self._next_ns = Passing(self._next_ns), self._next_ns + self._step_ns
            return passing
        if isinstance(item, Mapping):
            return self._make(item, place)
        if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], Mapping):
            return self._make({"type": item[0], "data": item[1]}, place)
        raise BadEventError(place, f"{item!r} is not an event: write 'type', ('type', data), a dict, or '5m'")

    def _make(self, told: Mapping[str, Any], place: str) -> Line:
        self._count += 1
        event: dict[str, Any] = {"id": f"e{self._count}", "subject": self._subject, **told}
        event["type"] = self._full_type(event.get("type"))
        event.setdefault("time", format_instant(self._next_ns))
        self._name_machine(event)
        try:
            attributes = open_structured(json.dumps(event))
            line = Line(self._count, check_attributes(attributes, ""))
        except (EventError, TypeError, ValueError) as error:
            raise BadEventError(place, str(error)) from None
        self._subject = line.event.subject
        self._next_ns = line.event.time_ns + self._step_ns
        return self._known(line, place)

    def _full_type(self, told: object) -> object:
        """The whole event type where only its last part is written, and one machine starts on it."""
        if not isinstance(told, str) or "." in told:
            return told
        starting = {each for machine in self._catalog for each in machine.starts_on if each.rpartition(".")[2] == told}
        return starting.pop() if len(starting) == 1 else told

    def _name_machine(self, event: dict[str, Any]) -> None:
        """Where the only machine starts on any event, the first one names it."""
        names = {machine.name for machine in self._catalog}
        subject = event.get("subject")
        if isinstance(subject, str) and subject not in self._begun:
            self._begun.add(subject)
            if len(names) == 1 and not any(machine.starts_on for machine in self._catalog):
                event.setdefault("machine", names.pop())

    def _known(self, line: Line, place: str) -> Line:
        named = [line.event.machine]
        if line.fate is not None and line.fate.header is not None:
            named.append(line.fate.header.machine)
        for name in named:
            if name is not None and self._catalog.latest(name) is None:
                raise UnknownMachineError(place, name, sorted({machine.name for machine in self._catalog}))
        return line


def _read_file(path: Path) -> Iterable[bytes]:
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for text in file:
                number += 1
                yield text
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadEventError(str(path), f"the file is damaged after line {number}: {error}") from None
