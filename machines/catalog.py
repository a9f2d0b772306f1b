"""The machines that are loaded, by name and version, and where they come from."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from machines.documents import SUFFIXES, Reading, examine
from machines.machine import Machine
from machines.places import SIZE_LIMIT, Document
from machines.problems import CatalogError, MachineDocumentError, Problem
from machines.python_form import examine_class, is_class_name
from machines.webhook_files import find_shipped, is_webhook_file

EXAMPLES = Path(__file__).parent / "examples"


class Catalog:
    """Machines by name and version. Raises CatalogError where two have the same."""

    def __init__(self, machines: Iterable[Machine] = ()) -> None:
        self._machines: dict[tuple[str, int], Machine] = {}
        for machine in machines:
            known = self._machines.setdefault((machine.name, machine.version), machine)
            if known is not machine:
                raise CatalogError(machine.name, machine.version, (known.origin, machine.origin))
        self._latest: dict[str, Machine] = {}
        self._starting: dict[str, list[Machine]] = {}
        for machine in self:
            self._latest[machine.name] = machine
        for machine in self._latest.values():
            for event_type in machine.starts_on:
                self._starting.setdefault(event_type, []).append(machine)

    def get(self, name: str, version: int) -> Machine | None:
        """One version of a machine."""
        return self._machines.get((name, version))

    def latest(self, name: str) -> Machine | None:
        """The highest version of a machine that is loaded."""
        return self._latest.get(name)

    def starting(self, event_type: str) -> tuple[Machine, ...]:
        """The machines, each in its highest version, that this event type starts."""
        return tuple(self._starting.get(event_type, ()))

    def pinned(self, name: str, version: int) -> "Catalog":
        """The same machines, of which this version is the latest of its name. It must be loaded."""
        return Catalog(machine for machine in self if machine.name != name or machine.version <= version)

    def __iter__(self) -> Iterator[Machine]:
        """By name, then version."""
        return (self._machines[key] for key in sorted(self._machines))

    def __len__(self) -> int:
        return len(self._machines)


def load_catalog(sources: Sequence[str]) -> Catalog:
    """The machines of directories, files (.yaml, .yml, .json, .scxml), `module:Class` names and shipped webhooks.

    The last are written `@github`. Of a directory the files in it are read, not those in directories inside it, nor
    webhooks. Raises MachineDocumentError with everything that is wrong in all of them.
    """
    found = [reading for source in sources for reading in _read_source(source)]
    readings = list({_identity(reading): reading for reading in found}.values())
    problems = [problem for reading in readings for problem in reading.problems]
    first: dict[tuple[str, int], Reading] = {}
    machines = []
    for reading in readings:
        machine = reading.machine
        if machine is None:
            continue
        known = first.setdefault((machine.name, machine.version), reading)
        if known is reading:
            machines.append(machine)
            continue
        other = known.document.problem(("machine",), "").place
        reason = f"machine {machine.name} version {machine.version} is already defined in {other}"
        problems.append(reading.document.problem(("version",), reason))
    if problems:
        raise MachineDocumentError(problems)
    return Catalog(machines)


def _identity(reading: Reading) -> object:
    """The same file or class is one source, however often and by whatever path it is named."""
    origin = reading.document.origin
    path = Path(origin)
    return path.resolve() if path.exists() else origin


def _read_source(source: str) -> Iterator[Reading]:
    path = find_shipped(source) or Path(source)
    try:
        if path.is_dir():
            yield from _read_directory(path)
        elif path.is_file():
            yield _read_file(path)
        elif is_class_name(source):
            yield examine_class(source)
        else:
            reason = "there is no such file or directory, and it is not a module:Class either"
            yield _failed(source, reason)
    except OSError as error:
        yield _failed(source, f"cannot be read: {error.strerror or error}")


def _read_directory(directory: Path) -> Iterator[Reading]:
    found = [
        path
        for path in sorted(directory.iterdir())
        if path.suffix.lower() in SUFFIXES
        and not path.name.startswith(".")
        and path.is_file()
        and not is_webhook_file(path)
    ]
    if not found:
        yield _failed(str(directory), f"holds no machine documents ({', '.join(SUFFIXES)})")
    for path in found:
        yield _read_file(path)


def _read_file(path: Path) -> Reading:
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        return _failed(str(path), f"is no machine document: the name must end in {', '.join(SUFFIXES)}")
    try:
        with path.open("rb") as stream:
            content = stream.read(SIZE_LIMIT + 1)
    except OSError as error:
        return _failed(str(path), f"cannot be read: {error.strerror or error}")
    return examine(content, form, str(path))


def _failed(origin: str, reason: str) -> Reading:
    return Reading(Document(origin), None, [Problem(origin, None, reason)])
