import json
import signal
from pathlib import Path

import httpx
import pytest
from redis import Redis

from longspan.plays import PLAYS
from streams.keys import Keys
from tests.longspan.processes import longspan, running
from tests.support.servers import Server
from tests.support.waiting import wait_for


@pytest.fixture
def settings(valkey_server: Server, prefix: str) -> dict[str, str]:
    return {"LONGSPAN_REDIS_URL": valkey_server.url, "LONGSPAN_PREFIX": prefix}


def entries(settings: dict[str, str]) -> list[dict[bytes, bytes]]:
    """What was sent."""
    with Redis.from_url(settings["LONGSPAN_REDIS_URL"]) as client:
        return [fields for _, fields in client.xrange(Keys(settings["LONGSPAN_PREFIX"]).events)]


def test_the_system_runs_pushes_and_goes_on_where_it_was(settings: dict[str, str], tmp_path: Path) -> None:
    log, state = tmp_path / "log", tmp_path / "state"
    options = ("--port", "0", "--speed", "100000", "--state", str(state), "--push", "redis")
    with running("simulate", "api", *options, settings=settings, log=log) as process:
        url = wait_for(lambda: log.read_text().partition("listening: ")[2].strip(), 30)
        assert httpx.get(f"{url}/workflows/wf-1").status_code == 200
        ended = wait_for(lambda: told if (told := httpx.get(f"{url}/workflows/wf-1").json())["endTime"] else None)
        wait_for(lambda: any(fields[b"id"].endswith(b"ed") for fields in entries(settings)[4:]))
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert "stopped: 1 workflows" in log.read_text()
    assert entries(settings)[0][b"type"] == b"com.example.risk.workflow.submitted"
    log.write_text("")
    with running("simulate", "api", *options[:6], settings=settings, log=log):
        url = wait_for(lambda: log.read_text().partition("listening: ")[2].strip(), 30)
        assert httpx.get(f"{url}/workflows/wf-1").json() == ended


def test_a_load_is_sent_in_batches_and_added_up(settings: dict[str, str]) -> None:
    options = ("--count", "25", "--batch", "10", "--pause", "1ms", "--name", "try", "--json")
    machines = [option for play in PLAYS for option in ("--machine", play.machine)]
    done = longspan("simulate", "load", *options, *machines, settings=settings)
    assert done.returncode == 0, done.stderr
    sums = json.loads(done.stdout)
    sent = entries(settings)
    assert (sums["workflows"], sums["batches"], sums["events"], sums["failed"]) == (25, 3, len(sent), None)
    assert {fields[b"machine"].decode() for fields in sent} >= {play.machine for play in PLAYS}
    assert {fields[b"subject"] for fields in sent} >= {b"try-%d" % number for number in range(1, 26)}


def test_a_rate_is_kept(settings: dict[str, str]) -> None:
    options = ("--count", "40", "--batch", "20", "--rate", "40", "--start-only", "--json")
    done = longspan("simulate", "load", *options, settings=settings)
    sums = json.loads(done.stdout)
    assert (sums["events"], sums["workflows"]) == (40, 40)
    assert sums["seconds"] >= 38 / 40  # never faster than asked for
    assert len({fields[b"subject"] for fields in entries(settings)}) == 40


def test_a_load_that_is_refused_ends_with_the_reason(settings: dict[str, str], tmp_path: Path) -> None:
    with running("simulate", "api", "--port", "0", settings=settings, log=tmp_path / "log"):
        url = wait_for(lambda: (tmp_path / "log").read_text().partition("listening: ")[2].strip(), 30)
        done = longspan("simulate", "load", "--to", url, settings=settings)  # it has no POST /events
    assert done.returncode == 1
    assert "it ended early" in done.stdout
    assert "404" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("api", "--faults", "50"), "there is no fault '50'"),
        (("api", "--token-file", "x"), "goes with --push"),
        (("load", "--to", "nowhere"), "no URL of an API"),
        (("load", "--pause", "soon"), "soon"),
    ],
)
def test_wrong_use_is_told_with_status_2(settings: dict[str, str], arguments: tuple[str, ...], reason: str) -> None:
    done = longspan("simulate", *arguments, settings=settings)
    assert done.returncode == 2
    assert reason in done.stderr
