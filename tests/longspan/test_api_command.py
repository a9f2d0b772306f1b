"""`longspan api` as a process: it starts with nothing there, says what hinders it, and ends quickly in good order."""

import signal
import socket
import time
from pathlib import Path

import httpx
import pytest

from tests.longspan.processes import longspan, running
from tests.support.servers import Server, free_port
from tests.support.waiting import wait_for


def listening(log: Path) -> str:
    lines = log.read_text().splitlines() if log.exists() else []
    return next((line.partition("listening: ")[2] for line in lines if "listening: " in line), "")


@pytest.fixture
def settings(valkey_server: Server, prefix: str) -> dict[str, str]:
    return {"LONGSPAN_REDIS_URL": valkey_server.url, "LONGSPAN_PREFIX": prefix}


def test_it_serves_before_any_worker_and_ends_at_a_signal_although_somebody_watches(
    settings: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with running("api", "--port", "0", settings=settings, log=log) as process:
        url = wait_for(lambda: listening(log), 20)
        assert httpx.get(f"{url}/workflows").json()["workflows"] == []
        assert {machine["machine"] for machine in httpx.get(f"{url}/machines").json()["machines"]} >= {"order"}
        with httpx.stream("GET", f"{url}/watch") as stream:
            assert stream.status_code == 200
            process.send_signal(signal.SIGTERM)
            asked = time.monotonic()
            assert process.wait(10) == 0
            assert time.monotonic() - asked < 5
    told = log.read_text()
    assert "Traceback" not in told
    assert told.rstrip().endswith("stopped")
    assert "GET" not in told  # no access log


def test_a_port_that_is_taken_is_one_readable_line(settings: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = longspan("api", "--port", str(port), settings=settings)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("longspan:")]
    assert f"127.0.0.1 port {port} cannot be listened on" in line
    assert "Traceback" not in done.stderr


def test_without_redis_it_starts_and_answers_that_it_waits(tmp_path: Path) -> None:
    log = tmp_path / "log"
    away = {"LONGSPAN_REDIS_URL": f"redis://127.0.0.1:{free_port()}"}
    with running("api", "--port", "0", settings=away, log=log) as process:
        url = wait_for(lambda: listening(log), 20)
        answer = httpx.get(f"{url}/workflows")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.headers["content-type"] == "application/problem+json"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_with_the_embedded_server_it_needs_nothing_else(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running("api", "--port", "0", settings={"LONGSPAN_DATA": str(tmp_path / "data")}, log=log) as process:
        url = wait_for(lambda: listening(log), 20)
        assert httpx.get(f"{url}/workflows").json()["next"] is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
