import subprocess
import sys
from pathlib import Path

import pytest

from longspan.command import VERBS
from tests.longspan.processes import clean_environment, longspan


def test_help_lists_every_verb_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; from longspan.command import main\n"
        "try: main(['--help'])\n"
        "finally: print(sorted({'redis', 'msgspec', 'statemachine', 'rich', 'opentelemetry'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.rstrip().endswith("[]")
    for verb, description in VERBS.items():
        assert f"{verb} " in done.stdout
        assert description.summary in done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_teaches_with_an_example(verb: str) -> None:
    done = longspan(verb, "--help", settings={})
    assert done.returncode == 0, done.stderr
    assert f"\n    longspan {verb}" in done.stdout


@pytest.mark.parametrize(
    "arguments", [("no-such-verb",), ("status", "--no-such-option"), ("emit", "a", "b", "c"), ("deadletters", "drop")]
)
def test_wrong_use_has_status_2_and_no_traceback(arguments: tuple[str, ...]) -> None:
    done = longspan(*arguments, settings={"LONGSPAN_REDIS_URL": "redis://127.0.0.1:9"})
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [("emit", "t", "s"), ("status",), ("status", "x"), ("deadletters", "list"), ("worker",)]
)
def test_without_a_server_every_verb_says_so_in_one_line(arguments: tuple[str, ...]) -> None:
    done = longspan(*arguments, settings={"LONGSPAN_REDIS_URL": "redis://127.0.0.1:9"})
    assert done.returncode == 1
    assert done.stderr.startswith("longspan: Redis cannot be reached")
    assert done.stderr.count("\n") == 1


def test_the_version_is_told() -> None:
    assert longspan("--version", settings={}).stdout.startswith("longspan 0.")


def test_an_embedded_server_is_started_where_no_other_is_set(tmp_path: Path) -> None:
    settings = {"LONGSPAN_DATA": str(tmp_path / "data")}
    try:
        assert longspan("emit", "com.example.risk.submitted", "wf-1", settings=settings).stdout == "1 sent\n"
        assert "no workflows" in longspan("status", settings=settings).stdout
    finally:
        subprocess.run(["kill", (tmp_path / "data" / "guard.pid").read_text()], check=True)
