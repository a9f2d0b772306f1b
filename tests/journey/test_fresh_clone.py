"""A newcomer's first minutes: a fresh clone, the scripts, and every command of the README in its order."""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from longspan.receiver import Receiver
from scripts.map import ROOT
from tests.support.clone import Clone
from tests.support.servers import VALKEY, Server, running
from tests.support.waiting import wait_for

README = (ROOT / "README.md").read_text()
BLOCKS: list[str] = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
FIRST_SECONDS = 240.0  # the first setup downloads every package


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone that was set up on a machine where uv is missing."""
    folder = tmp_path_factory.mktemp("newcomer")
    clone = Clone(folder / "longspan")
    broken = folder / "bin"
    broken.mkdir()
    (broken / "uv").write_text("#!/bin/sh\nexit 127\n")
    (broken / "uv").chmod(0o755)
    clone.environment["PATH"] = f"{broken}:{clone.environment['PATH']}"
    clone.environment["LONGSPAN_DATA"] = str(folder / "data")
    made = clone.run("scripts/setup", FIRST_SECONDS)
    assert made.returncode == 0, made.stdout
    return clone


def test_setup_brings_its_own_uv_and_installs_the_command(clone: Clone) -> None:
    assert (clone.folder / ".uv" / "bin" / "uv").is_file()
    version = clone.run(".venv/bin/longspan --version", 20)
    assert re.fullmatch(r"longspan \d+\.\d+\.\d+\n", version.stdout)


def test_a_second_setup_does_nothing_within_a_second(clone: Clone) -> None:
    took = []
    for _ in range(3):
        start = time.monotonic()
        again = clone.run("scripts/setup", 60)
        took.append(time.monotonic() - start)
        assert again.stdout.startswith("Nothing to do"), again.stdout
    assert min(took) < 1.0


def test_setup_notices_a_changed_lock(clone: Clone) -> None:
    lock = clone.folder / "requirements-dev.lock"
    before = lock.read_text()
    lock.write_text(before + "# changed\n")
    try:
        again = clone.run("scripts/setup", FIRST_SECONDS)
        assert "Installing the packages" in again.stdout
        assert again.returncode == 0
    finally:
        lock.write_text(before)
        clone.run("scripts/setup", FIRST_SECONDS)


def test_setup_refuses_an_interpreter_that_does_not_run(clone: Clone) -> None:
    refused = clone.run("scripts/setup", 20, PYTHON="python-that-is-not-there")
    assert refused.returncode == 1
    assert refused.stdout == "PYTHON=python-that-is-not-there is not a Python 3.11 or later that runs.\n"


@pytest.fixture
def bare_path(tmp_path: Path) -> str:
    """A PATH with what the scripts need of any system, without redis-server, where apt-get finds no packages."""
    for program in ("bash", "env", "id", "dirname", "cat", "mktemp", "tail", "rm", "grep", "git"):
        found = shutil.which(program)
        assert found is not None
        (tmp_path / program).symlink_to(found)
    (tmp_path / "apt-get").write_text("#!/bin/sh\necho 'E: Unable to locate package' >&2\nexit 100\n")
    (tmp_path / "sudo").write_text('#!/bin/sh\nshift\nexec "$@"\n')
    for name in ("apt-get", "sudo"):
        (tmp_path / name).chmod(0o755)
    return str(tmp_path)


def test_tests_go_on_without_a_server_that_cannot_be_installed_and_say_so(clone: Clone, bare_path: str) -> None:
    environment = {"PATH": bare_path, "PYTEST_ADDOPTS": "--collect-only -q"}
    found = clone.run("scripts/test tests/repo/test_locks.py", FIRST_SECONDS, CI="", **environment)
    assert found.returncode == 0, found.stdout
    assert "redis-server could not be installed with apt-get: E: Unable to locate package\n" in found.stdout
    assert "The tests that need redis-server will be skipped.\n" in found.stdout


def test_a_run_in_ci_fails_where_a_server_cannot_be_installed(clone: Clone, bare_path: str) -> None:
    refused = clone.run("scripts/test tests/repo/test_locks.py", FIRST_SECONDS, CI="true", PATH=bare_path)
    assert refused.returncode == 1
    assert refused.stdout.endswith("could not be installed with apt-get: E: Unable to locate package\n")


def _block(command: str) -> str:
    (found,) = [block for block in BLOCKS if command in block]
    return found


def test_the_readme_has_no_command_that_is_not_run_here() -> None:
    run = [
        "scripts/demo\n",
        "scripts/test\n",
        "cat > my-machines",
        "worker --machines",
        "longspan emit",
        "longspan status",
        "longspan api",
        "longspan doctor",
    ]
    assert sorted(BLOCKS) == sorted(_block(command) for command in run)
    assert README.count("```sh\n") == len(BLOCKS)
    assert not re.search(r"^```(console|bash|shell)", README, re.MULTILINE)


def test_the_test_command_of_the_readme_finds_the_tests(clone: Clone) -> None:
    found = clone.run(_block("scripts/test\n"), FIRST_SECONDS, PYTEST_ADDOPTS="--collect-only -q")
    assert found.returncode == 0, found.stdout
    assert "tests/journey/test_fresh_clone.py" in found.stdout


def test_all_tests_are_shared_out_and_chosen_ones_run_in_one_process(clone: Clone) -> None:
    one = "tests/machines/test_names.py"
    shared = clone.run("scripts/test", FIRST_SECONDS, PYTEST_ADDOPTS=one)
    assert shared.returncode == 0, shared.stdout
    assert re.search(r"\d workers? \[", shared.stdout)
    chosen = clone.run(f"scripts/test {one}", FIRST_SECONDS)
    assert chosen.returncode == 0, chosen.stdout
    assert not re.search(r"\d workers? \[", chosen.stdout)


def test_the_demo_of_the_readme_shows_workflows_until_it_is_interrupted(clone: Clone) -> None:
    with clone.running(_block("scripts/demo\n"), {}) as demo:
        wait_for(lambda: "risk-calculation" in demo.text or not demo.alive, 60)
        assert demo.alive, demo.text
        assert demo.interrupt() == 0, demo.text
        assert "Traceback" not in demo.text


def _shape(drawing: str) -> list[str]:
    """A drawn trace without what differs from run to run: the bars and the durations."""
    lines = [re.sub(r"\s*━+\s+(?:\d+(?:\.\d+)?[a-z]+ ?)+", " ", line).rstrip() for line in drawing.splitlines()]
    return [line for line in lines if line]


def test_the_picture_of_the_readme_is_what_the_demo_draws(clone: Clone, tmp_path: Path) -> None:
    (picture,) = re.findall(r"^```text\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    drawn = clone.run("scripts/demo --once", 120, LONGSPAN_DATA=str(tmp_path))
    assert drawn.returncode == 0, drawn.stdout
    shape = "\n".join(_shape(drawn.stdout))
    for trace in picture.split("\n\n"):
        assert "\n".join(_shape(trace)) in shape


@pytest.fixture
def traced(clone: Clone) -> Iterator[Receiver]:
    """An endpoint that the shells of the clone send their traces to."""
    with Receiver() as receiver:
        clone.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.endpoint
        yield receiver
        del clone.environment["OTEL_EXPORTER_OTLP_ENDPOINT"]


def test_the_workflow_of_the_readme_becomes_the_trace_that_it_promises(clone: Clone, traced: Receiver) -> None:
    checked = clone.run(_block("cat > my-machines"), 30)
    assert checked.returncode == 0, checked.stdout
    with clone.running(f"source .venv/bin/activate\n{_block('worker --machines')}", {}) as worker:
        sent = clone.run(_block("longspan emit"), 60)
        assert sent.returncode == 0, sent.stdout
        traced.wait_until(lambda: len(traced.spans) >= 3 or not worker.alive, 20)
        assert len(traced.spans) == 3, worker.text
        told = clone.run(f"source .venv/bin/activate\n{_block('longspan status')}", 20)
        assert worker.interrupt() == 0, worker.text
    assert {span.name for span in traced.spans} == {"parcel", "accepted", "on_the_way"}
    (root,) = [span for span in traced.spans if span.name == "parcel"]
    assert {span.parent_id for span in traced.spans if span is not root} == {root.span_id}
    assert root.status == "ok"
    assert root.attributes["city"] == "Basel"
    assert root.trace_id in told.stdout
    assert re.search(r"^status +ok$", told.stdout, re.MULTILINE)


def test_the_api_of_the_readme_shows_the_workflow(clone: Clone) -> None:
    assert clone.run(_block("cat > my-machines"), 30).returncode == 0
    shown = _block("longspan api")
    here = shown.replace("\n", " --port 0\n")  # 8080 may be taken
    with clone.running(f"source .venv/bin/activate\n{here}", {}) as api:
        wait_for(lambda: "http://127.0.0.1:" in api.text or not api.alive, 30)
        assert api.alive, api.text
        (address,) = set(re.findall(r"http://127\.0\.0\.1:\d+", api.text))
        assert httpx.get(f"{address}/machines/parcel").json()["versions"][0]["machine"] == "parcel"
        assert httpx.get(address).status_code == 200
        assert api.interrupt() == 0, api.text


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, since the README uses the default key prefix."""
    with running(VALKEY, tmp_path) as server:
        yield server


def test_the_settings_of_the_readme_fit_a_real_server(clone: Clone, traced: Receiver, durable: Server) -> None:
    shown = _block("longspan doctor")
    here = shown.replace("redis://localhost:6379", durable.url).replace("http://localhost:4318", traced.endpoint)
    assert here.count("127.0.0.1") == 2
    assert clone.run(_block("cat > my-machines"), 30).returncode == 0
    with clone.running(f"source .venv/bin/activate\n{here}", {}) as worker:
        clone.run(
            "source .venv/bin/activate\nlongspan emit com.example.parcel.posted parcel-8\n"
            "longspan emit com.example.parcel.loaded parcel-8\n"
            "longspan emit com.example.parcel.lost parcel-8",
            60,
            LONGSPAN_REDIS_URL=durable.url,
        )
        traced.wait_until(lambda: len(traced.spans) >= 3 or not worker.alive, 20)
        assert len(traced.spans) == 3, worker.text
        assert worker.interrupt() == 0, worker.text
