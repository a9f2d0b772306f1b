"""The image, really built and run: small, not root, read-only, and ended in good order by SIGTERM."""

import subprocess
import uuid
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from longspan.receiver import Receiver
from scripts.map import ROOT
from tests.repo.test_documents import VERSION
from tests.support.containers import (
    BASE,
    IMAGE,
    build_base,
    build_image,
    labels,
    missing,
    run_once,
    run_python,
    running_container,
    size_bytes,
)
from tests.support.servers import Server, free_port
from tests.support.waiting import wait_for

LOCK = ROOT / "requirements-image.lock"
MOST_BYTES = 150_000_000  # over the base


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image of this clone, where the machine can build one."""
    why = missing()
    if why:
        pytest.skip(f"{why}: with CI=true scripts/test installs what is missing")
    try:
        build_base(tmp_path_factory.mktemp("base") / "root")
    except (AssertionError, subprocess.SubprocessError) as error:  # Debian's mirror, or what this machine allows
        pytest.skip(f"the base image cannot be made on this machine: {error}")
    build_image()
    return IMAGE


def test_the_image_is_small_and_says_what_it_is(image: str) -> None:
    assert size_bytes(image) - size_bytes(BASE) < MOST_BYTES
    assert labels()["org.opencontainers.image.version"] == VERSION
    assert labels()["org.opencontainers.image.licenses"] == "Apache-2.0"


@pytest.mark.usefixtures("image")
def test_the_packages_in_it_are_those_of_the_lock_and_longspan() -> None:
    python, *shown = run_python(
        "import importlib.metadata as m, platform; print(platform.python_version());"
        "[print(d.name, d.version) for d in m.distributions()]"
    ).splitlines()
    asked = [Requirement(line.rstrip(" \\")) for line in LOCK.read_text().splitlines() if line[:1].isalnum()]
    locked = {
        canonicalize_name(one.name): str(one.specifier)
        for one in asked
        if one.marker is None or one.marker.evaluate({"python_full_version": python})
    }
    found = {canonicalize_name(name): f"=={version}" for name, version in map(str.split, shown)}
    assert found == locked | {"longspan": f"=={VERSION}"}


@pytest.mark.usefixtures("image")
def test_nothing_in_it_depends_on_when_it_was_built() -> None:
    """All files have one time, and no byte code has that of its source: the second word of it says so (PEP 552)."""
    shown = run_python(
        "import pathlib; files = [p for p in pathlib.Path('/opt/longspan').rglob('*')];"
        "print(len(files), len({p.lstat().st_mtime for p in files}),"
        " [str(p) for p in files if p.suffix == '.pyc' and p.read_bytes()[4:8] != bytes([1, 0, 0, 0])])"
    )
    files, times, dated = shown.strip().split(" ", 2)
    assert int(files) > 1_000
    assert (times, dated) == ("1", "[]")


@pytest.mark.usefixtures("image")
def test_a_worker_in_a_container_makes_a_trace_and_sigterm_lets_it_finish(
    valkey_server: Server, receiver: Receiver, prefix: str
) -> None:
    port = free_port()
    settings = {
        "LONGSPAN_REDIS_URL": valkey_server.url,
        "LONGSPAN_PREFIX": prefix,
        "LONGSPAN_HEALTH": str(port),
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
    }
    with running_container(f"longspan-{uuid.uuid4().hex[:8]}", "worker", settings=settings) as worker:
        wait_for(worker.is_ready, 60, every_seconds=0.2)
        who = worker.execute("python", "-c", "import os; print(os.getuid(), os.access('/opt/longspan', os.W_OK))")
        assert who.stdout.split() == ["65532", "False"], who.stderr
        sent = run_once("emit", "/opt/longspan/machines/order.jsonl", settings=settings)
        assert sent.returncode == 0, sent.stderr
        wait_for(lambda: any(span.name == "order" for span in receiver.spans), 60)
        assert worker.stop(30) == 0, worker.log()
        assert "stopped" in worker.log().splitlines()[-1]


@pytest.mark.usefixtures("image")
@pytest.mark.parametrize("tool", ["podman", "buildah"])
def test_a_cluster_is_handed_an_archive_of_it(tool: str) -> None:
    name, _, tag = IMAGE.partition(":")
    given = ["--name", name, "--tag", tag, "--tool", tool, "--with", "tar --list --file"]
    listed = subprocess.run(
        [ROOT / "scripts" / "image", "load", *given], capture_output=True, text=True, timeout=120, check=False
    )
    assert listed.returncode == 0, listed.stderr
    assert "manifest.json" in listed.stdout.split()


@pytest.mark.usefixtures("image")
def test_the_health_check_says_no_where_nobody_answers() -> None:
    asked = run_once("alive", "--port", str(free_port()), settings={})
    assert asked.returncode == 1
    assert "does not answer" in asked.stderr


def test_a_machine_that_cannot_build_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing() == "no podman, buildah, runc, debootstrap on the PATH"
