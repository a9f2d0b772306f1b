"""`.ci/run`: what it takes for passed, tried with scripts that stand in for the real ones."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("outcomes", "runs", "status", "told"),
    [
        pytest.param([0], 1, 0, False, id="passes"),
        pytest.param([1, 0], 2, 0, True, id="passes when run again"),
        pytest.param([1, 1], 2, 1, False, id="fails again"),
        pytest.param([2, 5], 2, 5, False, id="runs nothing again"),
    ],
)
def test_what_fails_is_run_once_more_and_told(
    outcomes: list[int], runs: int, status: int, told: bool, tmp_path: Path
) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    for name, lines in {
        "check": "exit 0",
        "test": f'echo "$CI $*" >> {tmp_path}/runs\nset -- {" ".join(map(str, outcomes))}\n'
        f"shift $(($(wc -l < {tmp_path}/runs) - 1))\nexit $1",
    }.items():
        (tmp_path / "scripts" / name).write_text(f"#!/usr/bin/env bash\n{lines}\n")
        (tmp_path / "scripts" / name).chmod(0o755)
    done = subprocess.run(["bash", ".ci/run"], cwd=tmp_path, capture_output=True, text=True)
    again = "true --last-failed --last-failed-no-failures=none --verbose"
    assert (tmp_path / "runs").read_text().splitlines() == ["true ", again][:runs]
    assert (done.returncode, "UNSTEADY" in done.stderr) == (status, told)


def test_a_failed_check_ends_it(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    for name, line in {"check": "exit 3", "test": f"touch {tmp_path}/tested"}.items():
        (tmp_path / "scripts" / name).write_text(f"#!/usr/bin/env bash\n{line}\n")
        (tmp_path / "scripts" / name).chmod(0o755)
    assert subprocess.run(["bash", ".ci/run"], cwd=tmp_path, capture_output=True).returncode == 3
    assert not (tmp_path / "tested").exists()
