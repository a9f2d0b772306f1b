"""The processes as the users of the documentation: each does all that it is for, and says what it may not do."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from longspan.receiver import Receiver
from tests.longspan.processes import longspan, running
from tests.support.acl import Users
from tests.support.servers import Server
from tests.support.waiting import wait_for

STEPS = ("submitted", "loading", "loaded", "calculating", "calculated", "writing", "written")
Settings = dict[str, str]


@pytest.fixture
def users(server: Server, prefix: str) -> Iterator[Users]:
    """A user for each role."""
    with server.client() as client:
        users = Users(client, prefix)
        yield users
        users.close()


@pytest.fixture
def roles(server: Server, users: Users, prefix: str, receiver: Receiver) -> dict[str, Settings]:
    """The settings of each role."""
    common = {"LONGSPAN_PREFIX": prefix, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
    return {
        role: common | {"LONGSPAN_REDIS_URL": users.url(role, server.port)} for role in ("worker", "api", "producer")
    }


def emit_risk(settings: Settings, workflow_id: str) -> None:
    lines = "\n".join(json.dumps({"type": f"com.example.risk.{step}", "subject": workflow_id}) for step in STEPS)
    done = longspan("emit", "-", settings=settings, stdin=lines)
    assert done.returncode == 0, done.stderr


def test_every_role_does_all_that_it_is_for(
    server: Server, users: Users, roles: dict[str, Settings], prefix: str, receiver: Receiver, tmp_path: Path
) -> None:
    worker = roles["worker"] | {
        "LONGSPAN_EXPORTER_REDIS_URL": users.url("exporter", server.port),
        "LONGSPAN_RETENTION": "1s",
        "LONGSPAN_EARLY_WAIT": "1s",
    }
    with running("worker", settings=worker, log=tmp_path / "log") as process:
        emit_risk(roles["producer"], "wf-1")
        assert receiver.wait_until(lambda: len(receiver.spans) == 10, 30)
        with server.client() as client:
            client.xadd(f"{prefix}:events", {"rubbish": "x"})
            client.xadd(
                f"{prefix}:events", {"id": "e", "type": "com.example.risk.loaded", "subject": "wf-2"}
            )  # too early
            names = {fact["user"] for fact in client.client_list()}
            assert {users.name("worker"), users.name("exporter")} <= names
            wait_for(lambda: not list(client.scan_iter(f"{prefix}:*journal:*")), 30)  # retention
            wait_for(lambda: sum(map(client.xlen, client.scan_iter(f"{prefix}:*:dead"))) == 2, 30)
        api = roles["api"]
        letters = json.loads(longspan("deadletters", "list", "--json", settings=api).stdout)
        for arguments in (["deadletters", "show", letters[0]["id"]], ["status"], ["emit", STEPS[0], "wf-3"]):
            done = longspan(*arguments, settings=api)
            assert (done.returncode, done.stderr) == (0, ""), arguments
        found = json.loads(longspan("doctor", "--json", settings=api).stdout)
        assert {finding["verdict"] for finding in found} <= {"ok", "warn"}
        assert {finding["check"] for finding in found} >= {"server", "persistence", "worker", "outbox"}
        process.terminate()
        assert process.wait(10) == 0
    log = (tmp_path / "log").read_text()
    assert " error " not in log, log
    harmless = {f"{users.name('api')} config|get", f"{users.name('producer')} info"}
    assert set(users.denied()) <= harmless


def test_doctor_says_what_it_can_where_the_user_may_not_ask(
    users: Users, roles: dict[str, Settings], server: Server
) -> None:
    users.set("api", "-info")
    done = longspan("doctor", "--json", settings=roles["api"])
    found = {finding["check"]: finding for finding in json.loads(done.stdout)}
    assert found["server"]["verdict"] == "warn"
    assert "may not run INFO" in found["server"]["detail"]
    assert "+info" in found["server"]["remedy"]
    assert found["persistence"]["verdict"] == "warn"
    assert {"clock", "partitions"} <= found.keys()


def test_a_worker_without_a_permission_says_so_in_one_line_and_goes_on_when_it_has_it(
    users: Users, roles: dict[str, Settings], receiver: Receiver, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with running("worker", settings=roles["worker"], log=log):
        wait_for(lambda: "traces of namespace" in log.read_text())
        users.set("worker", "-evalsha")
        emit_risk(roles["producer"], "wf-1")
        wait_for(lambda: users.tries("evalsha") >= 4)
        lines = [line for line in log.read_text().splitlines() if "may not" in line]
        told = (
            r"\S+ \w+ \S+ ([\w ]+)(?: waits|, trying again): the Redis user may not run EVALSHA on \S+ \(.+\):"
            r" give it .* docs/redis.md"
        )
        who = [match[1] for match in (re.fullmatch(told, line) for line in lines) if match]
        assert len(who) == len(lines) == len(set(who))
        users.set("worker", "+evalsha")
        assert receiver.wait_until(lambda: len(receiver.spans) == 10, 30)
    assert "Traceback" not in log.read_text()
