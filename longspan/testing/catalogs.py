"""The machines of a test: from files, directories, `module:Class` names, classes, or a catalog."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from longspan.testing.errors import NoMachinesError
from machines.catalog import Catalog, load_catalog
from machines.machine import Machine
from machines.problems import MachineDocumentError
from machines.python_form import WorkflowChart, read_class

Given = str | Path | Machine | type[WorkflowChart[Any]]
Machines = Given | Sequence[Given] | Catalog


class Catalogs:
    """Loads machines, each source once for as long as its files are the same."""

    def __init__(self) -> None:
        self._loaded: dict[object, Catalog] = {}

    def load(self, given: Machines, places: Sequence[Path]) -> Catalog:
        """The catalog. Relative paths are looked for in `places`, in this order.

        Raises NoMachinesError, MachineDocumentError with all that is wrong, CatalogError.
        """
        if isinstance(given, Catalog):
            return given
        each = [given] if isinstance(given, str | Path | Machine | type) else list(given)
        if not each:
            raise NoMachinesError
        sources = [_find(source, places) for source in each if isinstance(source, str | Path)]
        made = [_make(source) for source in each if not isinstance(source, str | Path)]
        catalog = self._read(sources) if sources else Catalog()
        return Catalog([*catalog, *made]) if made else catalog

    def _read(self, sources: list[str]) -> Catalog:
        key = tuple((source, _fingerprint(Path(source))) for source in sources)
        if key not in self._loaded:
            self._loaded[key] = load_catalog(sources)
        return self._loaded[key]


def _find(source: str | Path, places: Sequence[Path]) -> str:
    for place in places:
        if (place / source).exists():
            return str(place / source)
    return str(source)


def _make(source: Machine | type[WorkflowChart[Any]]) -> Machine:
    if isinstance(source, Machine):
        return source
    reading = read_class(source)
    if reading.machine is None:
        raise MachineDocumentError(reading.problems)
    return reading.machine


def _fingerprint(path: Path) -> object:
    if not path.exists():
        return None
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files)
