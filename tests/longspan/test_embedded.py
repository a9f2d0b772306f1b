import contextlib
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from longspan.embedded import adopt_server, open_lock, take_lock
from longspan.errors import EmbeddedServerError
from longspan.guard import Guard
from tests.longspan.processes import clean_environment, is_alive
from tests.support.waiting import wait_for

ADOPT = "import sys; from pathlib import Path; from longspan.embedded import adopt_server; "


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data directory whose guard, if one was started, is told to end its server."""
    yield tmp_path / "data"
    pid_file = tmp_path / "data" / "guard.pid"
    if pid_file.exists():
        pid = int(pid_file.read_text())
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not is_alive(pid))


def adopt_elsewhere(data: Path) -> str:
    """Adopt the server in another process, which has ended when this returns."""
    done = subprocess.run(
        [sys.executable, "-c", ADOPT + "print(adopt_server(Path(sys.argv[1])))", str(data)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout.strip()


def guard_pid(data: Path) -> int:
    return int((data / "guard.pid").read_text())


def server_pid(url: str) -> int:
    with Redis.from_url(url) as client:
        return int(client.info("server")["process_id"])


def set_key(url: str) -> None:
    with Redis.from_url(url) as client:
        client.set("kept", "yes")


def get_key(url: str) -> object:
    with Redis.from_url(url) as client:
        return client.get("kept")


def test_everybody_with_the_same_data_gets_the_same_durable_server(data: Path) -> None:
    url = adopt_server(data)
    assert adopt_elsewhere(data) == url
    with Redis.from_url(url) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("bind") == {"bind": "127.0.0.1"}


def test_many_at_once_start_one_server(data: Path) -> None:
    data.mkdir()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ADOPT + "print(adopt_server(Path(sys.argv[1])))", str(data)],
            env=clean_environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(5)
    ]
    urls = {process.communicate(timeout=30)[0].strip() for process in processes}
    assert len(urls) == 1
    assert urls.pop().startswith("redis://127.0.0.1:")


def test_a_guard_that_dies_is_replaced_and_the_server_stays(data: Path) -> None:
    url = adopt_server(data)
    server, guard = server_pid(url), guard_pid(data)
    os.kill(guard, signal.SIGKILL)
    wait_for(lambda: not is_alive(guard))
    assert adopt_elsewhere(data) == url
    assert server_pid(url) == server
    assert guard_pid(data) != guard


def test_a_server_that_dies_is_started_again_at_the_same_port_with_its_data(data: Path) -> None:
    url = adopt_server(data)
    set_key(url)
    server = server_pid(url)
    os.kill(server, signal.SIGKILL)
    wait_for(lambda: not is_alive(server))
    assert adopt_elsewhere(data) == url
    assert get_key(url) == b"yes"


def test_directories_that_choose_the_same_port_at_once_get_a_server_each(tmp_path: Path) -> None:
    ports, guards = [0], []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        guard = Guard(tmp_path / name)
        with open_lock(tmp_path / name / "server.lock") as lock:
            assert take_lock(lock)
            ports.append(guard._start(lock, ports[-1] or guard._choose_port(0)))
        guards.append(guard)
    assert ports[1] != ports[2]
    set_key(f"redis://127.0.0.1:{ports[1]}")
    assert get_key(f"redis://127.0.0.1:{ports[2]}") is None
    for guard, port in zip(guards, ports[1:], strict=True):
        assert int((guard._data / "server.port").read_text()) == port
        assert guard._end(port)


def test_a_server_that_nobody_uses_ends_and_keeps_its_data(data: Path) -> None:
    data.mkdir()
    guard = subprocess.Popen(
        [sys.executable, "-m", "longspan.guard", str(data), "0.2"], env=clean_environment(), stdin=subprocess.DEVNULL
    )
    url = f"redis://127.0.0.1:{wait_for(lambda: (data / 'port').exists() and (data / 'port').read_text())}"
    with Redis.from_url(url) as client:
        client.set("kept", "yes")
        server = int(client.info("server")["process_id"])
        with pytest.raises(subprocess.TimeoutExpired):
            guard.wait(1.0)  # a connected client, though no command of Longspan, is a user
    assert guard.wait(10) == 0
    assert not is_alive(server)
    assert get_key(adopt_elsewhere(data)) == b"yes"


def test_a_guard_that_is_told_to_end_ends_the_server(data: Path) -> None:
    server = server_pid(adopt_server(data))
    os.kill(guard_pid(data), signal.SIGTERM)
    wait_for(lambda: not is_alive(server))
    assert adopt_elsewhere(data)


def test_a_platform_without_a_build_is_told_what_to_set(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "sparc64")
    with pytest.raises(EmbeddedServerError, match=r"no build of it for this platform.*Set LONGSPAN_REDIS_URL"):
        adopt_server(data)


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedServerError, match=r"file.data cannot be written.*LONGSPAN_DATA"):
        adopt_server(tmp_path / "file" / "data")
