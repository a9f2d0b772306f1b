"""`scripts/profile`: what it reads from a flame graph, what it tells where it may not look, and that it works."""

import subprocess
from pathlib import Path

import pytest

from tests.bench.flames import Frame, hottest, read_frames
from tests.bench.profiling import FORBIDDEN, PY_SPY, ROOT, ProfilerError, main

ROW = '<g><title>{} ({} samples, 1%)</title><rect x="0%" y="{}" height="15" fill="rgb(1,2,3)" fg:x="{}" fg:w="{}"/></g>'
GRAPH = "".join(
    ROW.format(*fields)
    for fields in (
        ("all", "1,000", 52, 0, 1000),
        ("&lt;module&gt; (a.py:1)", "1,000", 68, 0, 1000),
        ("fold (b.py:2)", "600", 84, 0, 600),
        ("fold (b.py:2)", "400", 100, 200, 400),
        ("commit (c.py:3)", "1", 84, 999, 1),
    )
)


def test_the_list_has_what_a_function_took_itself_and_with_what_it_calls() -> None:
    frames = read_frames(GRAPH)
    assert frames[-1] == Frame(3, 200, 400, "fold (b.py:2)")
    assert hottest(frames, 2).splitlines() == [
        "itself  with what it calls  function",
        " 60.0%               60.0%  fold (b.py:2)",
        " 39.9%              100.0%  <module> (a.py:1)",
    ]


def test_a_graph_without_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing ran"):
        read_frames("<svg/>")


def test_where_the_profiler_may_not_look_it_is_told_how_it_may() -> None:
    refused = "Permission Denied: Try running again with elevated permissions by going 'sudo env \"PATH=$PATH\" !!'"
    assert str(ProfilerError(refused)) == FORBIDDEN
    assert "ptrace_scope" in FORBIDDEN
    assert str(ProfilerError("no such process\n")) == f"{PY_SPY} failed:\nno such process"


@pytest.mark.parametrize(
    ("what", "events", "package"), [("worker", "10000", "(streams/"), ("replay", "60000", "(longspan/")]
)
def test_a_flame_graph_is_made(
    what: str, events: str, package: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uv = [str(ROOT / ".venv" / "bin" / "uv"), "tool", "run", "--from", PY_SPY, "py-spy", "--version"]
    if subprocess.run(uv, capture_output=True, check=False).returncode:
        pytest.skip(f"{PY_SPY} cannot be fetched")
    output = tmp_path / "graphs" / "profile.svg"
    status = main([what, "--events", events, "--top", "5", "--output", str(output), "--seconds", "60"])
    shown = capsys.readouterr()
    if FORBIDDEN in shown.err:
        pytest.skip("the profiler may not look into other processes")
    assert status == 0, shown.err
    assert shown.out.endswith(f"\n{output}\n")
    assert len(shown.out.splitlines()) == 8
    assert any(package in frame.name for frame in read_frames(output.read_text()))
