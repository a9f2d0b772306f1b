"""Documents of webhooks: what is wrong with them is told at once, with file and line."""

from pathlib import Path

import pytest

from machines.catalog import load_catalog
from machines.problems import MachineDocumentError, WebhookDocumentError
from machines.webhook_files import load_webhooks, shipped_names

GOOD = """\
webhook: deploys
signature:
  header: X-Signature
  secret: {variable: DEPLOYS_SECRET}
events:
  - type: com.example.{state}
    subject: deploy-{id}
"""


def _write(folder: Path, text: str, name: str = "deploys.webhook.yaml") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


@pytest.mark.parametrize(
    ("wrong", "right", "line", "reason"),
    [
        ("webhook: Deploys", "webhook: deploys", 1, "must be small letters"),
        ("webhook: [a]", "webhook: deploys", 1, "webhook must be text of 1 to 64"),
        ("webhok: deploys", "webhook: deploys", 1, "webhok is not known; did you mean 'webhook'?"),
        ("headr: X-Signature", "header: X-Signature", 3, "signature.headr is not known; did you mean 'header'?"),
        ("header: ''", "header: X-Signature", 3, "signature.header must be text of 1 to 256"),
        ("secret: s3cr3t", "secret: {variable: DEPLOYS_SECRET}", 4, "must say where the secret is"),
        ("type: com.{state", "type: com.example.{state}", 6, "events[0].type cannot be used: the expression"),
        ("time: at", "type: com.example.{state}", 6, "events[0] has no 'type'"),
        ("tpye: x", "subject: deploy-{id}", 7, "events[0].tpye is not known; did you mean 'type'?"),
        ("time_format: utc", "subject: deploy-{id}", 7, "needs a 'time' beside it"),
        (
            "{time: at, time_format: iso}",
            "type: com.example.{state}\n    subject: deploy-{id}",
            6,
            "time_format must be",
        ),
        ("subject: 5", "subject: deploy-{id}", 7, "events[0].subject must be text, in quotes where YAML"),
        ("data: {x: to_str(y)}", "subject: deploy-{id}", 7, "events[0].data.x cannot be used: the expression"),
        ("data: [x]", "subject: deploy-{id}", 7, "events[0].data must be expressions by name"),
        ("- deploy", "- type: com.example.{state}\n    subject: deploy-{id}", 6, "events[0] must be a mapping"),
        ("events: {}", GOOD[GOOD.index("events") :], 5, "events must be a list of rules, at least one"),
        ("envelope: xml", "signature:\n  header: X-Signature\n  secret: {variable: DEPLOYS_SECRET}", 2, "one of json"),
        ("signature: none", "signature:\n  header: X-Signature\n  secret: {variable: DEPLOYS_SECRET}", 2, "a mapping"),
        ("scheme: sha1", "header: X-Signature", 3, "signature.scheme must be one of hmac-sha256, token"),
        ("scheme: token\n  encoding: hex", "header: X-Signature", 4, "signature.encoding does not go with a token"),
        ("  - a: [", "  - type: com.example.{state}\n", 6, "this is not YAML"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(
    tmp_path: Path, wrong: str, right: str, line: int, reason: str
) -> None:
    assert right in GOOD
    path = _write(tmp_path, GOOD.replace(right, wrong))
    with pytest.raises(WebhookDocumentError) as caught:
        load_webhooks([path])
    told = [str(problem) for problem in caught.value.problems]
    assert any(text.startswith(f"{path}:{line}: ") and reason in text for text in told), told


def test_a_good_document_is_a_webhook(tmp_path: Path) -> None:
    hook = load_webhooks([_write(tmp_path, GOOD), str(tmp_path)])["deploys"]
    assert hook.envelope == "json"
    assert hook.signature is not None
    assert (hook.signature.header, hook.signature.encoding, hook.signature.prefix) == ("x-signature", "hex", "")
    (draft,), faults = hook.mapping.events({"id": 5, "state": "begun"})
    assert (draft.type, draft.subject, faults) == ("com.example.begun", "deploy-5", [])


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("other.webhook.yaml", GOOD, "the webhook deploys is already defined in"),
        ("other.webhook.yaml", "- a\n", "a webhook is a mapping of keys"),
        ("other.webhook.json", "{", "JSON"),
    ],
)
def test_a_directory_is_read_whole_with_all_that_is_wrong(tmp_path: Path, name: str, text: str, reason: str) -> None:
    _write(tmp_path, GOOD)
    _write(tmp_path, text, name)
    with pytest.raises(WebhookDocumentError, match=reason):
        load_webhooks([str(tmp_path)])


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("nowhere", "there is no such file or directory; shipped are @"),
        (".", "holds no webhooks"),
        ("@x", "shipped are"),
    ],
)
def test_a_source_that_holds_none_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WebhookDocumentError, match=reason):
        load_webhooks([source])


def test_a_file_with_another_name_is_no_webhook(tmp_path: Path) -> None:
    with pytest.raises(WebhookDocumentError, match=r"the name must end in \.webhook\.yaml"):
        load_webhooks([_write(tmp_path, GOOD, "deploys.yaml")])


def test_machines_and_webhooks_may_lie_in_one_directory(tmp_path: Path) -> None:
    _write(tmp_path, GOOD)
    with pytest.raises(MachineDocumentError, match="holds no machine documents"):
        load_catalog([str(tmp_path)])
    _write(tmp_path, '{"machine": "deploy", "chart": {"states": {"a": {"final": true}}}}', "deploy.json")
    assert [machine.name for machine in load_catalog([str(tmp_path)])] == ["deploy"]


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_webhook_gives_events_of_the_machines_beside_it(name: str) -> None:
    (hook,) = load_webhooks([f"@{name}"]).values()
    assert hook.name == name
    machines = {machine.name: machine for machine in load_catalog([f"@{name}"])}
    assert {rule.texts["machine"].text for rule in hook.mapping.rules} == machines.keys()
    for rule in hook.mapping.rules:
        prefix = rule.texts["type"].text.partition("{")[0]
        machine = machines[rule.texts["machine"].text]
        taken = [*machine.starts_on, *machine.events]
        assert any(kind.startswith(prefix) for kind in taken), prefix
