"""Golden files as users of the pytest plugin meet them."""

import pytest

import longspan.testing.stack  # noqa: F401  what a run inside this one imports first, it would import for each run
from tests.longspan.plugin_project import make_project, run

pytest_plugins = ["pytester"]

GOLDEN = """workflow-1 (door version 1, run 1): timeout
  door  2026-01-01T00:00:00Z to 2026-01-01T01:00:01Z (1h 1s)  error: opened took longer than 1h
      colour=red
      * 2026-01-01T00:00:00Z com.x.built
      * 2026-01-01T01:00:01Z burnt
    closed  2026-01-01T00:00:00Z to 2026-01-01T00:00:01Z (1s)  ok
        colour=red
        * 2026-01-01T00:00:01Z open
    opened  2026-01-01T00:00:01Z to 2026-01-01T01:00:01Z (1h)  error: opened took longer than 1h
        colour=red
        * 2026-01-01T01:00:01Z longspan.deadline
"""
IN_TIME = """
def test_burns(replay):
    replay([("built", {"colour": "red"}), "open", "2h"]).assert_golden("burns")
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a machine, whose pytest is told where it is."""
    return make_project(pytester)


def test_a_golden_file_is_missed_written_kept_and_compared(project: pytest.Pytester) -> None:
    golden = project.path / "golden" / "burns.txt"
    missing = run(project, IN_TIME)
    missing.assert_outcomes(failed=1)
    missing.stdout.fnmatch_lines(["*there is no golden file golden/burns.txt*pytest --longspan-update*"])
    assert not golden.exists()
    run(project, IN_TIME, "--longspan-update").assert_outcomes(passed=1)
    assert golden.read_text() == GOLDEN
    run(project, IN_TIME).assert_outcomes(passed=1)
    differing = run(project, IN_TIME.replace("red", "blue"))
    differing.assert_outcomes(failed=1)
    differing.stdout.fnmatch_lines(
        [
            "*not what golden/burns.txt says*--longspan-update*",
            "E *workflow-1 (door version 1, run 1): timeout",
            "E *-       colour=red",
            "E *+       colour=blue",
        ]
    )
    assert golden.read_text() == GOLDEN


def test_a_golden_file_is_of_one_result(project: pytest.Pytester) -> None:
    twice = IN_TIME + IN_TIME.replace("test_burns", "test_again").replace("red", "blue")
    told = run(project, twice, "--longspan-update")
    told.assert_outcomes(passed=1, failed=1)
    told.stdout.fnmatch_lines(["*golden/burns.txt is asked for twice with different results, by *test_burns and *"])


def test_golden_files_that_nobody_asks_for_are_named_where_that_is_known(project: pytest.Pytester) -> None:
    run(project, IN_TIME, "--longspan-update")
    stale = project.path / "golden" / "old.txt"
    stale.write_text("once\n")
    named = f"*no test asks for {stale}: delete it*"
    run(project, IN_TIME).stdout.fnmatch_lines([named])
    project.makepyfile(test_window="def test_window(): pass")
    run(project, IN_TIME).stdout.fnmatch_lines([named])
    for arguments in (["test_door.py"], ["-k", "burns"], ["test_door.py::test_burns"]):
        run(project, IN_TIME, *arguments).stdout.no_fnmatch_line("*no test asks for*")
    project.makepyfile(test_window="def test_window(): assert False")
    run(project, IN_TIME).stdout.no_fnmatch_line("*no test asks for*")
