"""The image, really built and run: small, not root, read-only, and ended in good order by SIGTERM."""

import subprocess
import uuid
from pathlib import Path

import pytest

from longspan.receiver import Receiver
from tests.repo.test_documents import VERSION
from tests.support.containers import (
    BASE,
    IMAGE,
    build_base,
    build_image,
    labels,
    missing,
    run_once,
    running_container,
    size_bytes,
)
from tests.support.servers import Server, free_port
from tests.support.waiting import wait_for

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
def test_the_health_check_says_no_where_nobody_answers() -> None:
    asked = run_once("alive", "--port", str(free_port()), settings={})
    assert asked.returncode == 1
    assert "does not answer" in asked.stderr


def test_a_machine_that_cannot_build_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing() == "no podman, buildah, runc, debootstrap on the PATH"
