"""The pytest plugin as its users meet it: whole test runs, and what they print."""

import subprocess
import sys
from pathlib import Path

import pytest

import longspan.testing.stack  # noqa: F401  what a run inside this one imports first, it would import for each run
from machines.catalog import EXAMPLES
from tests.longspan.plugin_project import make_project, run
from tests.longspan.processes import clean_environment

pytest_plugins = ["pytester"]


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a machine, whose pytest is told where it is."""
    return make_project(pytester)


def test_a_list_of_events_is_replayed_with_times_counted_on(project: pytest.Pytester) -> None:
    told = run(
        project,
        """
        def test_door(replay):
            result = replay([("built", {"colour": "red"}), "open", "10m", {"type": "close", "id": "c"}, "open", "shut"])
            assert result.outcome is None
            assert result.states == ["opened"]
            assert result.visited == ["closed", "opened", "closed", "opened"]
            assert result.workflow.attributes == {"colour": "red"}
            assert result.workflow.deadlines == {"opened": "2026-01-01T01:10:03Z"}
            assert [(each.type, each.reason) for each in result.rejected] == [
                ("shut", "no transition for 'shut' in opened")
            ]
            assert result.root.end is None
            assert result.root.find("opened").duration == "10m 1s"
            assert result.root.find("opened", 2).start == "2026-01-01T00:10:03Z"
            assert [span.name for span in result.spans] == ["door", "closed", "opened", "closed", "opened"]
            assert not result.late and not result.dead

        def test_several(replay):
            result = replay(["built", "tear_down", "open", {"type": "built", "subject": "other"}])
            assert {name: each.status for name, each in result.workflows.items()} == {
                "workflow-1": "ok", "other": "running"
            }
            assert [each.type for each in result.late] == ["open"]
            assert result == replay(["built", "tear_down", "open", {"type": "built", "subject": "other"}])
        """,
    )
    told.assert_outcomes(passed=2)


def test_a_replay_stops_where_it_is_told_to(project: pytest.Pytester) -> None:
    told = run(
        project,
        """
        import pytest
        from longspan.testing.errors import MomentError

        EVENTS = ["built", "open", {"type": "close", "id": "c", "time": "2026-01-01T00:30:00Z"}, "open", "2h"]

        @pytest.mark.parametrize(
            ("until", "states"),
            [
                (None, ["burnt"]),
                ("c", ["closed"]),
                ("open", ["opened"]),
                ("1s", ["opened"]),
                ("2026-01-01T00:00:00Z", ["closed"]),
                ("2026-01-01T01:30:00.9Z", ["opened"]),
                ("2026-01-01T01:30:01Z", ["burnt"]),
            ],
        )
        def test_until(replay, until, states):
            assert replay(EVENTS, until=until).states == states

        def test_never(replay):
            with pytest.raises(MomentError, match="until='tomorrow' is no time"):
                replay(EVENTS, until="tomorrow")
        """,
    )
    told.assert_outcomes(passed=8)


def test_files_are_found_beside_the_test_and_read_whatever_they_are(project: pytest.Pytester) -> None:
    stream = (EXAMPLES / "order.jsonl").read_bytes()
    (project.path / "order.jsonl").write_bytes(stream)
    told = run(
        project,
        """
        import gzip
        import pytest
        from machines.catalog import EXAMPLES, load_catalog
        from longspan.testing.errors import BadEventError

        def test_files(replay, tmp_path):
            told = replay("order.jsonl", machines=EXAMPLES)
            assert told.workflows["order-5501"].status == "ok"
            assert told == replay(EXAMPLES / "order.jsonl", machines=[str(EXAMPLES / "order.yaml")])
            packed = tmp_path / "order.jsonl.gz"
            packed.write_bytes(gzip.compress((EXAMPLES / "order.jsonl").read_bytes()))
            assert told == replay(packed, machines=load_catalog([str(EXAMPLES)]))
            packed.write_bytes(packed.read_bytes()[:-30])
            with pytest.raises(BadEventError, match="order.jsonl.gz: the file is damaged after line"):
                replay(packed, machines=EXAMPLES)

        def test_no_file(replay):
            with pytest.raises(FileNotFoundError, match="there is no file nothing.jsonl in"):
                replay("nothing.jsonl")
        """,
    )
    told.assert_outcomes(passed=2)


def test_what_a_test_does_wrong_is_said(project: pytest.Pytester) -> None:
    (project.path / "bad.jsonl").write_text('{"id": "1", "type": "built", "subject": "a"}\n')
    told = run(
        project,
        """
        import pytest
        from longspan.testing.errors import TestUseError
        from machines.problems import MachineDocumentError

        @pytest.mark.parametrize(
            ("events", "said"),
            [
                ([("built", {"when": object()})], r"events\\[0\\]: Object of type object is not JSON"),
                (["built", 5], r"events\\[1\\]: 5 is not an event: write 'type'"),
                (["built", {"type": "open", "time": "noon"}], r"events\\[1\\]: time: not an RFC 3339 date-time"),
                ([{"type": "built", "machine": "window"}], r"machine 'window' is not among the machines: door"),
                ("bad.jsonl", r"bad.jsonl: line 1: time: is missing"),
            ],
        )
        def test_events(replay, events, said):
            with pytest.raises(TestUseError, match=said):
                replay(events)

        def test_one_workflow(replay):
            with pytest.raises(TestUseError, match="only workflow, and there is none"):
                replay([]).outcome

        def test_machines(replay):
            with pytest.raises(TestUseError, match="longspan_machines = machines"):
                replay(["built"], machines=[])
            with pytest.raises(MachineDocumentError, match="window.yaml: there is no such file"):
                replay(["built"], machines="window.yaml")
        """,
    )
    told.assert_outcomes(passed=7)


def test_a_failing_test_shows_what_it_replayed(project: pytest.Pytester) -> None:
    told = run(project, 'def test_door(replay):\n    assert replay(["built", "open"]).outcome == "ok"\n')
    told.assert_outcomes(failed=1)
    told.stdout.fnmatch_lines(["*longspan result 1*", "workflow-1 (door version 1, run 1): running", "*opened*open"])


def test_two_results_that_differ_are_shown_as_one_tree(project: pytest.Pytester) -> None:
    told = run(project, 'def test_door(replay):\n    assert replay(["built", "open"]) == replay(["built"])\n')
    told.assert_outcomes(failed=1)
    told.stdout.fnmatch_lines(
        [
            "*longspan difference*",
            "    door  2026-01-01T00:00:00Z, open",
            "-     closed  2026-01-01T00:00:00Z, open",
            "+     closed  2026-01-01T00:00:00Z to 2026-01-01T00:00:01Z (1s)  ok",
        ]
    )
    told.stdout.no_fnmatch_line("*longspan result 1*")


def test_the_stack_runs_the_real_thing_and_leaves_nothing_behind(project: pytest.Pytester) -> None:
    told = run(
        project,
        """
        import threading
        import pytest
        from longspan.testing.errors import NeverHappenedError

        EVENTS = [("built", {"colour": "red"}), "open", "close", "tear_down", "open"]

        def test_ends(longspan_stack, replay):
            longspan_stack.emit(EVENTS)
            ended = longspan_stack.wait_for("workflow-1", "ok")
            assert ended.states == ["torn_down"]
            assert [span.name for span in longspan_stack.spans("workflow-1")] == ["door", "closed", "opened", "closed"]
            times = [each.event for each in longspan_stack.result().workflow.run.events]
            assert longspan_stack.result() == replay(times)

        def test_goes_on(longspan_stack):
            assert longspan_stack.spans("workflow-1") == ()
            longspan_stack.emit(["built"])
            longspan_stack.emit(["open"])
            assert longspan_stack.wait_for("workflow-1", state="opened").status == "running"
            with pytest.raises(NeverHappenedError, match="(?s)status ok of workflow-1 cannot come.*in opened"):
                longspan_stack.wait_for("workflow-1", "ok")
            longspan_stack.emit([("burn", {"error": "too hot"})])
            assert longspan_stack.wait_for("workflow-1", "timeout").reason == "too hot"

        def test_dead(longspan_stack):
            longspan_stack.emit(["open"])
            with pytest.raises(NeverHappenedError, match="workflow-1: waiting"):
                longspan_stack.wait_for("workflow-1", "running")

        def test_nothing_is_left():
            assert not [thread for thread in threading.enumerate() if thread.name in ("worker", "exporter", "leases")]
        """,
    )
    told.assert_outcomes(passed=4)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A directory with a test that has nothing to do with Longspan."""
    (tmp_path / "test_plain.py").write_text(
        "import sys\n\n"
        "def test_plain():\n"
        "    heavy = ('redis', 'opentelemetry', 'statemachine', 'msgspec', 'machines', 'longspan.testing')\n"
        "    assert not [name for name in heavy if name in sys.modules]\n"
    )
    return tmp_path


@pytest.mark.parametrize(("arguments", "loaded"), [([], True), (["-p", "no:longspan"], False)])
def test_who_tests_something_else_pays_nothing_and_can_do_without(
    plain: Path, arguments: list[str], loaded: bool
) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "--trace-config", "-p", "no:cacheprovider"]
    told = subprocess.run(
        [*command, "-p", "no:hypothesispytest", "-p", "no:schemathesis", *arguments, "."],
        cwd=plain,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.returncode == 0, told.stdout
    assert ("longspan.pytest_plugin" in told.stdout) is loaded
