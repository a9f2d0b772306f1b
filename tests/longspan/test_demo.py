import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from longspan.arrivals import arrange
from longspan.plays import PLAYS
from tests.longspan.processes import is_alive, longspan, running
from tests.support.waiting import wait_for


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A data directory of its own, whose server is ended afterwards."""
    yield {"LONGSPAN_DATA": str(tmp_path)}
    pid = int((tmp_path / "demo" / "guard.pid").read_text())
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not is_alive(pid))


def test_once_plays_its_workflows_and_every_span_comes_exactly_once(settings: dict[str, str]) -> None:
    done = longspan("demo", "--once", "--json", "--workflows", "6", "--speed", "5000", settings=settings, seconds=180)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert sum(result["outcomes"].values()) == 6
    assert (result["missing"], result["doubled"], result["unfinished"], result["right"]) == (0, 0, 0, True)
    assert result["sent"] + result["polled"] == result["applied"] + result["rejected"] + result["duplicates_dropped"]
    assert result["spans"] > 6 * 4
    assert result["polled"] > 3 * 3  # half of them, none of which ends with its first stage
    assert result["parts"] >= 3  # of the one that fans out


def test_it_goes_on_where_it_was_and_shows_the_traces(settings: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running("demo", "--workflows", "3", "--speed", "60", settings=settings, log=log) as demo:
        wait_for(lambda: "running" in log.read_text(), 60)
        first, url, *_ = log.read_text().split()  # what is said first is where the page is
        assert first == "open"
        assert httpx.get(url).headers["content-type"].startswith("text/html")
        assert {workflow["machine"] for workflow in httpx.get(f"{url}/workflows").json()["workflows"]}
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
    assert "goes on where it was" in log.read_text()
    again = longspan("demo", "--once", "--workflows", "3", "--speed", "2000", settings=settings, seconds=180)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "goes on   with 3 workflows" in again.stdout
    assert "3 workflows ended" in again.stdout
    assert "━" in again.stdout
    assert "0 missing, 0 doubled" in again.stdout


def test_a_second_demo_on_the_same_data_is_refused(settings: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running("demo", "--workflows", "1", settings=settings, log=log) as demo:
        wait_for(lambda: "server" in log.read_text(), 60)
        second = longspan("demo", "--once", settings=settings)
        assert second.returncode == 2
        assert "another demo runs already" in second.stderr
        demo.send_signal(signal.SIGINT)
        demo.wait(60)


def test_the_same_seed_plays_the_same_and_some_of_it_goes_wrong() -> None:
    for play in PLAYS:
        assert arrange(play, 1, "x") == arrange(play, 1, "x")
        many = [arrange(play, seed, "x") for seed in range(200)]
        types = {arrival.happening.type for arrivals in many for arrival in arrivals}
        assert any("fail" in name or "declined" in name for name in types)
        assert any(arrival.again for arrivals in many for arrival in arrivals)
        assert any(arrival.late for arrivals in many for arrival in arrivals)
        assert all(arrivals == sorted(arrivals, key=lambda arrival: arrival.at_seconds) for arrivals in many)
        # The payment's deadline is half an hour of real time, and event times begin that far in the past.
        assert play.machine != "order" or max(arrivals[-1].at_seconds for arrivals in many) < 1_800
