"""A password that is changed while a worker runs."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from longspan.receiver import Receiver
from tests.longspan.processes import children, longspan, running
from tests.support.acl import PASSWORD, Users
from tests.support.servers import Server
from tests.support.waiting import wait_for


@pytest.fixture
def users(redis_server: Server, prefix: str) -> Iterator[Users]:
    """A user for each role."""
    with redis_server.client() as client:
        users = Users(client, prefix)
        yield users
        users.close()


def rotate(users: Users, server: Server, password: str) -> None:
    """Change the worker's password on the server, and close its connections."""
    users.set("worker", "resetpass", f">{password}")
    with server.client() as client:
        client.execute_command("CLIENT", "KILL", "USER", users.name("worker"))


def test_a_worker_goes_on_with_the_new_password_when_file_and_server_agree(
    redis_server: Server, users: Users, prefix: str, receiver: Receiver, tmp_path: Path
) -> None:
    secret, log = tmp_path / "password", tmp_path / "log"
    secret.write_text(f"{PASSWORD}\n")
    settings = {
        "LONGSPAN_REDIS_URL": users.url("worker", redis_server.port, password=""),
        "LONGSPAN_REDIS_PASSWORD_FILE": str(secret),
        "LONGSPAN_PREFIX": prefix,
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
    }
    with running("worker", settings=settings, log=log) as worker:
        wait_for(lambda: "traces of namespace" in log.read_text(), 30)
        secret.write_text("second-secret")
        rotate(users, redis_server, "second-secret")
        assert trace_arrives(settings, receiver, 1)

        rotate(users, redis_server, "third-secret")
        refused = "Redis refused the credentials"
        wait_for(lambda: users.tries("AUTH") > 5, 60)
        lines = [line for line in log.read_text().splitlines() if refused in line]
        told = (
            r"\S+ \w+ (\S+ .+) Redis refused the credentials \(.+\): correct LONGSPAN_REDIS_URL, LONGSPAN_RE.*_FILE .*"
        )
        who = [match[1] for match in (re.fullmatch(told, line) for line in lines) if match]
        assert len(lines) == len(who) == len(set(who))
        secret.write_text("third-secret\n")
        assert trace_arrives(settings, receiver, 2)
        commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in (worker.pid, *children(worker.pid))]
    assert not re.search("p@ss|-secret", log.read_text())
    assert not any(b"secret" in command for command in commands)
    assert "Traceback" not in log.read_text()


def trace_arrives(settings: dict[str, str], receiver: Receiver, count: int) -> bool:
    """Send an event that begins a workflow and one that ends it; whether its trace comes."""
    lines = [
        json.dumps({"type": f"com.example.risk.{name}", "subject": f"wf-{count}"})
        for name in ("submitted", "cancelled")
    ]
    done = longspan("emit", "-", settings=settings, stdin="\n".join(lines))
    assert done.returncode == 0, done.stderr
    return receiver.wait_until(lambda: len({span.trace_id for span in receiver.spans}) == count, 30)
