"""docs/sources.md followed to the letter: its files, its commands, and what comes of them."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.signatures import sign
from longspan.command import main
from longspan.errors import SettingsError
from longspan.webhook_secrets import make_hooks
from machines.catalog import load_catalog
from machines.mapping import parse
from machines.mapping_form import RULES_LIMIT
from machines.places import Document
from machines.reported_times import TIME_FORMATS
from machines.yaml_form import read_yaml
from scripts.map import ROOT
from tests.longspan.processes import Environment, accepts, clean_environment, typed
from tests.streams.site import Site
from tests.support.api import app_client, make_service
from tests.support.deliveries import hooks
from tests.support.servers import Server, free_port
from tests.support.waiting import wait_for

REFERENCE = (ROOT / "docs" / "sources.md").read_text()
FILES = dict(re.findall(r"^`([\w.-]+)`:\n\n```\w+\n(.*?)^```", REFERENCE, re.MULTILINE | re.DOTALL))
WEBHOOKS = REFERENCE.partition("\n## Webhooks\n")[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the files of the reference are, and commands are typed."""
    assert FILES.keys() == {"payload.json", "release.yaml", "shipyard.webhook.yaml"}
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_prints_what_it_says(folder: Path) -> None:
    commands = re.findall(r"^```console\n\$ longspan (webhooks .*?)\n(.*?)^```", WEBHOOKS, re.MULTILINE | re.DOTALL)
    assert commands
    for command, wanted in commands:
        done = _type(*shlex.split(command))
        assert (done.exit_code, done.stdout.strip()) == (0, wanted.strip())


def test_the_delivery_of_the_walk_becomes_its_workflow(folder: Path, valkey_server: Server, prefix: str) -> None:
    site = Site(valkey_server.url, prefix, folder)
    catalog = load_catalog(["release.yaml"])
    served = hooks("shipyard.webhook.yaml", secret="secret")
    signature = served["shipyard"].webhook.signature
    assert signature is not None
    body = FILES["payload.json"].encode()
    headers = {"content-type": "application/json", signature.header: sign(signature, b"secret", body).decode()}
    with app_client(make_service(site.connect, site.keys, catalog, lambda: 0, hooks=served)) as client:
        for _ in range(2):
            assert client.post("/webhooks/shipyard", content=body, headers=headers).status_code == 202
        site.settle(site.worker(catalog=catalog))
        told = client.get("/workflows/release-118").json()
        journal = client.get("/workflows/release-118/events").json()["events"]
    site.close()
    assert (told["status"], told["reason"]) == ("error", "no healthy pods")
    assert told["attributes"] == {"service": "checkout", "version": "2.4.0"}
    assert [event["result"] for event in journal] == ["applied"] * 5


@pytest.mark.skipif(not (shutil.which("openssl") and shutil.which("curl")), reason="no openssl or curl on the PATH")
def test_the_walk_can_be_typed_as_it_stands(folder: Path, valkey_server: Server, prefix: str) -> None:
    starting, delivering = re.findall(r"^```sh\n(.*?)^```", WEBHOOKS, re.MULTILINE | re.DOTALL)
    deliver, status = delivering.strip().rsplit("\n", 1)
    port = free_port()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    settings = clean_environment(LONGSPAN_REDIS_URL=valkey_server.url, LONGSPAN_PREFIX=prefix, PATH=path)
    servers = starting.replace("longspan api", f"longspan api --port {port}") + "wait"
    with typed("bash", "-euc", servers, settings=settings, log=folder / "log"):
        wait_for(lambda: accepts(port), 120)
        done = _bash(deliver.replace(":8080/", f":{port}/"), settings)
        assert (done.returncode, done.stdout.count('"accepted"')) == (0, 5), done.stdout + done.stderr
        wait_for(lambda: "no healthy pods" in _bash(status, settings).stdout, 120, every_seconds=0.1)


def _bash(line: str, settings: Environment) -> "subprocess.CompletedProcess[str]":
    """What a shell prints for lines."""
    command = ["bash", "-euc", line]
    return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60, check=False)


def test_the_example_of_a_mapping_is_one() -> None:
    (example,) = re.findall(r"```yaml\n(events:.*?)```", REFERENCE, re.DOTALL)
    facts, lines = read_yaml(example)
    assert isinstance(facts, dict)
    mapping, problems = parse(facts["events"], Document("docs/sources.md", facts, lines), ("events",))
    assert (problems, len(mapping.rules)) == ([], 2)
    assert len(mapping.rules) < RULES_LIMIT
    stage = {
        "name": "load",
        "started_at": "2026-11-22T16:00:00Z",
        "status": "FAILED",
        "ended_at": "2026-11-22T16:01:00Z",
    }
    drafts, faults = mapping.events({"id": 7, "stages": [stage, {"name": "write"}]}, {"id": "wf-1"})
    assert [draft.type for draft in drafts] == ["com.example.risk.load.started", "com.example.risk.load.failed"]
    assert (json.loads(drafts[0].attributes["data"]), faults) == ({"stage": "load", "run": 7}, [])


def test_every_key_of_a_rule_and_every_form_of_a_time_is_told() -> None:
    facts = {"type": "t", "nonsense": 1}
    (problem,) = parse([facts], Document("x"), ("events",))[1]
    assert "nonsense is not known" in problem.reason
    section = REFERENCE.partition("\n## Mapping\n")[2].partition("\n## ")[0]
    keys = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]+)\|", section, re.MULTILINE)))
    assert not parse([{key: _sound(key) for key in keys}], Document("x"), ("events",))[1]
    assert all(f"`{form}`" in section for form in TIME_FORMATS)
    assert {"1,000 characters", "10,000 items", "16 MiB", "500,000 steps"} <= set(
        re.findall(r"[\d,]+ (?:characters|items|MiB|steps)", section)
    )


def _sound(key: str) -> object:
    return {"time_format": "utc", "data": {"x": 1}}.get(key, "x")


def _type(*words: str, webhooks: str = "") -> Result:
    """What somebody gets who types `longspan` and these words."""
    return CliRunner().invoke(main, words, env={"LONGSPAN_WEBHOOKS": webhooks})


def test_webhooks_are_listed_and_tried(folder: Path) -> None:
    listed = json.loads(_type("webhooks", "list", "--json").stdout)
    assert [fact["name"] for fact in listed] == ["cdevents", "github"]
    configured = _type("webhooks", "list", webhooks="shipyard.webhook.yaml").stdout
    assert "the signature in x-shipyard-signature" in configured
    trying = ("webhooks", "try", "shipyard", "payload.json", "--webhooks", ".")
    told = json.loads(_type(*trying, "--json").stdout)
    assert (len(told["events"]), told["events"][0]["data"]["service"], told["faults"]) == (5, "checkout", [])
    (folder / "payload.json").write_text('{"steps": [{"step": "build", "state": "done", "until": "noon"}]}')
    failed = _type(*trying)
    assert failed.exit_code == 1
    assert "fault: events[0] (io.shipyard.created): subject: the expression 'release.id' gave nothing" in failed.stdout
    github = ("webhooks", "try", "github", "payload.json", "--header")
    assert _type(*github, "x").exit_code == 2
    assert _type(*github, "X-GitHub-Event: ping").stdout == "no rule is about this payload: it would be ignored\n"
    unknown = _type("webhooks", "try", "gitlab", "payload.json")
    assert (unknown.exit_code, "there are cdevents, github" in unknown.stderr) == (1, True)
    (folder / "payload.json").write_text("<html>")
    assert (_type(*trying).exit_code, "the body is not JSON" in _type(*trying).stderr) == (2, True)
    (folder / "shipyard.webhook.yaml").write_text("webhook: shipyard")
    assert "the webhooks cannot be used:\n  shipyard.webhook.yaml" in _type(*trying).stderr


def test_the_api_does_not_start_without_the_secret_of_a_webhook(folder: Path) -> None:
    source = ["shipyard.webhook.yaml"]
    assert make_hooks(source, {"SHIPYARD_SECRET": "secret"})["shipyard"].secrets is not None
    with pytest.raises(SettingsError, match="from the variable SHIPYARD_SECRET, which is not set"):
        make_hooks(source, {})
    text = FILES["shipyard.webhook.yaml"].replace("{variable: SHIPYARD_SECRET}", "{file: secrets}")
    (folder / "shipyard.webhook.yaml").write_text(text)
    with pytest.raises(SettingsError, match="from the file secrets, which cannot be read: No such file"):
        make_hooks(source, {})
    (folder / "secrets").write_text("secret\n")
    assert make_hooks(source, {})["shipyard"].secrets is not None
