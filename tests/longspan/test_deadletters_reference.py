"""docs/deadletters.md followed to the letter, with workers that have one version of a machine, and two."""

import json
import re
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from longspan.deadletters import deadletters
from scripts.map import ROOT
from streams.client import Client, connect
from streams.deadletters import DeadLetter, list_dead_letters
from streams.ingress import emit
from streams.keys import Keys
from streams.status import find_workflow, read_journal
from tests.longspan.processes import longspan, running
from tests.support.servers import Server
from tests.support.waiting import wait_for

PARTITIONS = 4
REFERENCE = (ROOT / "docs" / "deadletters.md").read_text()
(TWO,) = re.findall(r"^```yaml\n(.*?)^```", REFERENCE, re.MULTILINE | re.DOTALL)
ONE = TWO.replace("version: 2", "version: 1").replace(", {event: returned, target: returned}", "")
ONE = ONE.replace(", returned: cancelled", "").replace("    returned: {final: true}\n", "")


def commands(heading: str) -> list[list[str]]:
    """The commands of one section, as words behind `longspan`."""
    section = REFERENCE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [shlex.split(line) for line in re.findall(r"^ *\$ longspan (.+)$", section, re.MULTILINE)]


@dataclass
class Room:
    """A folder with `machines/`, and an installation that everything in it uses."""

    folder: Path
    settings: dict[str, str]
    client: Client
    keys: Keys

    @contextmanager
    def worker(self, *versions: str) -> Iterator[None]:
        """A worker that has these documents, and ends in order."""
        machines = self.folder / "machines"
        machines.mkdir(exist_ok=True)
        for path in machines.iterdir():
            path.unlink()
        for text in versions:
            (machines / f"parcel-{'version: 2' in text}.yaml").write_text(text)
        arguments = ("worker", "--machines", "machines")
        with running(*arguments, settings=self.settings, log=self.folder / "log", cwd=self.folder) as process:
            yield
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0

    def run(self, *arguments: str) -> str:
        """What a command prints; it must succeed."""
        done = longspan(*arguments, settings=self.settings, cwd=self.folder)
        assert (done.returncode, done.stderr) == (0, ""), (arguments, done)
        return done.stdout

    def emit(self, subject: str, *steps: str, machine: str = "parcel") -> None:
        """Events of a parcel; their ids are their steps."""
        common = {b"subject": subject.encode()} | ({b"machine": machine.encode()} if machine else {})
        events = [{b"id": step.encode(), b"type": b"com.example.parcel.%s" % step.encode()} | common for step in steps]
        emit(self.client, self.keys, events)

    def letters(self, reason: str | None = None) -> list[DeadLetter]:
        """What was set aside for this reason, or for any."""
        return list_dead_letters(self.client, self.keys, PARTITIONS, reason=reason)

    def events(self, subject: str) -> list[tuple[str, str]]:
        """Id and result of each event of a workflow, none while it is not there."""
        journal = read_journal(self.client, self.keys, PARTITIONS, subject)
        return [(record.event.id, record.result) for record in journal[1]] if journal else []

    def parked(self) -> str:
        """What doctor says of it."""
        done = longspan("doctor", "--json", settings=self.settings)
        (finding,) = [one for one in json.loads(done.stdout) if one["check"] == "parked"]
        return f"{finding['verdict']}: {finding['detail']}"


@pytest.fixture
def room(valkey_server: Server, prefix: str, tmp_path: Path) -> Iterator[Room]:
    settings = {
        "LONGSPAN_REDIS_URL": valkey_server.url,
        "LONGSPAN_PREFIX": prefix,
        "LONGSPAN_PARTITIONS": str(PARTITIONS),
        "LONGSPAN_EARLY_WAIT": "1s",
        "OTEL_TRACES_EXPORTER": "none",
    }
    with connect(valkey_server.url) as client:
        yield Room(tmp_path, settings, client, Keys(prefix))


def test_dead_letters_are_looked_at_redriven_and_dropped_as_described(room: Room) -> None:
    with room.worker(ONE):
        for time in (b"noon", b"midnight"):
            emit(room.client, room.keys, [{b"id": b"x", b"type": b"t", b"subject": b"bad", b"time": time}])
        room.emit("p-1", "shipped", machine="")
        room.emit("p-2", "packed", machine="parcle")
        wait_for(lambda: len(room.letters()) == 4 and room.letters("early"), 60)
        assert room.parked() == "warn: workflows wait for machines that were not loaded: 1 for parcle"
        dropped = 0
        sections = ("Look at them", "Redrive dead letters", "Drop")
        for words in [words for heading in sections for words in commands(heading)]:
            if "early" in words:
                room.emit("p-1", "packed")
            malformed = room.letters("malformed")
            told = room.run(*(malformed[0].id if word.startswith("3.") else word for word in words))
            if words[1] == "redrive":
                assert told == f"{2 if '--all' in words else 1} redriven\n"
                wait_for(lambda: len(room.letters("malformed")) == 2)  # they come back as they are
            elif words[1] == "drop":
                dropped += int(told.split()[0])
        assert dropped == 3
        wait_for(lambda: not room.letters())
        assert room.events("p-1") == [("packed", "applied"), ("shipped", "applied")]


def test_rejected_events_are_redriven_to_a_new_version_step_by_step(room: Room) -> None:
    with room.worker(ONE):
        room.emit("p-7", "packed", "shipped", "returned")
        room.emit("p-8", "packed")
        wait_for(lambda: len(room.events("p-7")) == 3 and room.events("p-8"), 60)
    with room.worker(ONE, TWO):
        before, redrive, after = commands("Redrive rejected events to a new version")
        assert "no transition for 'returned' in on_the_way" in room.run(*before)
        assert room.run(*redrive) == "1 redriven to parcel version 2\n"
        wait_for(lambda: room.events("p-7")[3:] == [("returned", "applied")], 60)
        told = room.run(*after)
        assert "version     2" in told
        assert "left on_the_way, reached returned" in told
        view = find_workflow(room.client, room.keys, PARTITIONS, "p-8")
        assert view
        assert view.snapshot.version == 1
        done = longspan(*redrive, settings=room.settings, cwd=room.folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            "longspan: workflow p-7 has ended (cancelled): only events of a running one can be redriven\n"
        )


def test_events_of_a_version_that_is_gone_wait_and_go_on_in_order_when_it_is_back(room: Room) -> None:
    with room.worker(ONE):
        room.emit("p-1", "packed")
        wait_for(lambda: room.events("p-1"), 60)
    with room.worker(TWO):
        room.emit("p-1", "shipped", "lost")
        wait_for(lambda: len(room.letters()) == 2, 60)
        assert room.parked() == "warn: workflows wait for machines that were not loaded: 1 for parcel 1"
        waiting = json.loads(room.run("deadletters", "list", "--json"))
        assert {letter["detail"].partition(":")[0] for letter in waiting} == {"machine parcel version 1 is not loaded"}
        assert [letter["waits_for"] for letter in waiting] == [{"machine": "parcel", "version": 1}] * 2
        done = longspan("deadletters", "redrive", waiting[0]["id"], settings=room.settings)
        assert done.returncode == 1
        assert "To redrive it would change nothing" in done.stderr
    with room.worker(ONE, TWO):
        room.emit("p-1", "delivered")
        told = [("packed", "applied"), ("shipped", "applied"), ("lost", "rejected"), ("delivered", "applied")]
        wait_for(lambda: room.events("p-1") == told, 60)
        assert not room.letters()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["redrive"], "say which"),
        (["redrive", "--all", "--reason", "early"], "say which"),
        (["redrive", "--all", "--to", "2"], "go with --workflow"),
        (["redrive", "--workflow", "w", "--all"], "say which"),
        (["drop", "--machine", "m", "1.1-1"], "say which"),
        (["drop", "--spans", "--machine", "m"], "leave out --spans"),
        (["list", "--spans", "--reason", "early"], "leave out --spans"),
        (["redrive", "--workflow", "w", "--to", "0"], "not in the range"),
    ],
)
def test_wrong_use_is_told_with_exit_status_2(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(deadletters, arguments)
    assert done.exit_code == 2
    assert said in done.stderr


def test_what_is_not_there_is_told_with_exit_status_1(room: Room) -> None:
    for arguments in (["redrive", "--workflow", "nobody"], ["show", "0.parked-0123456789abcdef"]):
        done = longspan("deadletters", *arguments, settings=room.settings)
        assert done.returncode == 1
        assert done.stderr.startswith("longspan: there is no")
