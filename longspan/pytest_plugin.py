"""The pytest plugin: fixtures `replay`, `longspan_stack` and `longspan_machines`, and golden files.

pytest loads it in every run, so what is heavy is imported when a test asks for it.
"""

from collections.abc import Generator, Iterator, Sequence
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from longspan.testing.catalogs import Catalogs, Machines
    from longspan.testing.golden import Goldens
    from longspan.testing.result import Result
    from longspan.testing.script import Source
    from longspan.testing.stack import Stack
    from longspan.testing.stack_server import StackServer

_INI = "longspan_machines"
_results = pytest.StashKey[list["Result"]]()
_goldens = pytest.StashKey["Goldens"]()
_difference = pytest.StashKey[str]()  # of the results that were compared last
_whole = pytest.StashKey[set[Path]]()  # test files of which every test ran and passed, as far as is known


class Replay:
    """Folds events in memory; the fixture `replay`."""

    def __init__(self, item: pytest.Item, catalogs: "Catalogs", machines: "Machines") -> None:
        self._item = item
        self._catalogs = catalogs
        self._machines = machines

    def __repr__(self) -> str:
        return "replay"

    def __call__(self, events: "Source", *, machines: "Machines | None" = None, until: str | None = None) -> "Result":
        """What becomes of events: a file (.jsonl, .gz; relative to the test), or a list of `'type'`, `('type', data)`,
        dicts of CloudEvents attributes, and durations (`'5m'`: time that passes).

        `machines` are files, directories, `module:Class` names or classes, instead of the configured ones. `until` is
        a time, a duration since the first event, or the id or type of the last event to take: then deadlines fire that
        are due by then, and the rest is left out. Raises longspan.testing.errors.TestUseError.
        """
        from longspan.testing.replaying import replay_events

        places = _places(self._item)
        catalog = self._catalogs.load(self._machines if machines is None else machines, places)
        result = replay_events(find_events(events, places), catalog, until)
        return _attach(self._item, result)


def find_events(events: "Source", places: Sequence[Path]) -> "Source":
    """The events, or where their file is: relative ones are looked for in `places`. Raises FileNotFoundError."""
    if not isinstance(events, str | Path):
        return events
    for place in places:
        if (place / events).exists():
            return place / events
    where = " and ".join(map(str, dict.fromkeys(places)))
    raise FileNotFoundError(f"there is no file {events} in {where}; a single event goes into a list: [{str(events)!r}]")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option and the setting."""
    group = parser.getgroup("longspan", "testing machines with Longspan")
    group.addoption("--longspan-update", action="store_true", help="Write the golden files that tests ask for anew.")
    parser.addini(_INI, "Where machines are read from: files, directories, module:Class names.", "args", [])


def pytest_collection_finish(session: pytest.Session) -> None:
    """Load what the stack needs while tests are collected, where one asks for it: it starts the faster then."""
    if any("longspan_stack" in getattr(item, "fixturenames", ()) for item in session.items):
        import_module("longspan.testing.stack")
        import_module("longspan.testing.stack_server")


@pytest.fixture(scope="session")
def _longspan_catalogs() -> "Catalogs":
    from longspan.testing.catalogs import Catalogs

    return Catalogs()


@pytest.fixture
def longspan_machines(request: pytest.FixtureRequest) -> "Machines":
    """The machines of a test, as pytest's configuration names them; define it anew where tests have others."""
    return list(request.config.getini(_INI))


@pytest.fixture
def replay(request: pytest.FixtureRequest, longspan_machines: "Machines", _longspan_catalogs: "Catalogs") -> Replay:
    """replay(events, machines=..., until=...): what becomes of events, without any server."""
    return Replay(request.node, _longspan_catalogs, longspan_machines)


@pytest.fixture(scope="session")
def _longspan_server(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[StackServer]":
    from longspan.testing.stack_server import StackServer

    server = StackServer(tmp_path_factory.mktemp("longspan") / "data")
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def longspan_stack(
    request: pytest.FixtureRequest,
    longspan_machines: "Machines",
    _longspan_catalogs: "Catalogs",
    _longspan_server: "StackServer",
) -> "Iterator[Stack]":
    """Longspan as it runs: an embedded server, a worker and an exporter in this process, and a receiver of spans."""
    from longspan.testing.stack import Stack

    item, places = request.node, _places(request.node)
    catalog = _longspan_catalogs.load(longspan_machines, places)
    with Stack(
        _longspan_server.url,
        catalog,
        find=lambda events: find_events(events, places),
        attach=lambda result: _attach(item, result),
    ) as stack:
        yield stack


def _places(item: pytest.Item) -> list[Path]:
    """Where relative paths of a test are looked for: beside it, in pytest's root directory, and where pytest runs."""
    return [item.path.parent, item.config.rootpath, item.config.invocation_params.dir]


def _attach(item: pytest.Item, result: "Result") -> "Result":
    """Let the result know its golden files, and be shown when the test fails."""
    from dataclasses import replace as change

    def check(found: "Result", name: str, ids: bool) -> None:
        __tracebackhide__ = True
        _golden_files(item.config).check(item.nodeid, item.path.parent, found, name, ids)

    attached = change(result, _golden=check)
    results: list[Result] = item.stash.setdefault(_results, [])
    results.append(attached)
    return attached


def _golden_files(config: pytest.Config) -> "Goldens":
    if _goldens not in config.stash:
        from longspan.testing.golden import Goldens

        config.stash[_goldens] = Goldens(config.getoption("longspan_update"))
    return config.stash[_goldens]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what was replayed where a test failed, unless a difference of it is shown already."""
    report = yield
    if report.when == "call" and report.failed and _results in item.stash:
        from longspan.testing.golden import GoldenError

        difference = item.config.stash.get(_difference, "")
        if difference:
            report.sections.append(("longspan difference (- right, + left)", difference))
        elif call.excinfo is None or not call.excinfo.errisinstance(GoldenError):
            results: list[Result] = item.stash[_results]
            for number, result in enumerate(results, 1):
                report.sections.append((f"longspan result {number}", result.text()))
    item.config.stash[_difference] = ""
    if not report.passed:
        item.config.stash.get(_whole, set()).discard(item.path)
    return report


def pytest_assertrepr_compare(config: pytest.Config, op: str, left: object, right: object) -> list[str] | None:
    """Two results that should be equal: their difference gets a section of its own, which pytest does not shorten."""
    if op != "==" or type(left).__module__ != "longspan.testing.result" or type(left) is not type(right):
        return None
    from longspan.testing.result import Result
    from longspan.testing.tree_text import compare_results

    if not (isinstance(left, Result) and isinstance(right, Result)):
        return None
    config.stash[_difference] = compare_results(right, left)
    return ["two results that differ, see below"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note which test files are run as a whole: only then a golden file is known to be stale."""
    chosen = any("::" in argument for argument in config.args)
    config.stash[_whole] = set() if chosen else {item.path for item in items}


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Forget the files of tests that are not run."""
    for item in items:
        item.config.stash.get(_whole, set()).discard(item.path)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Name golden files that no test asks for."""
    if _goldens not in config.stash:
        return
    goldens = config.stash[_goldens]
    whole, patterns = config.stash.get(_whole, set()), config.getini("python_files")
    judged = {path.parent.parent for path in goldens.asked}
    judged = {
        directory
        for directory in judged
        if all(path in whole for path in directory.glob("*.py") if any(fnmatch(path.name, each) for each in patterns))
    }
    for path in goldens.stale(judged):
        terminalreporter.write_line(f"longspan: no test asks for {path}: delete it", yellow=True)
