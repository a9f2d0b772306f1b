"""docs/machines.md: its documents load, its keys are the ones that there are."""

import json
import re
from pathlib import Path

import pytest

from machines.catalog import load_catalog
from machines.documents import Form, examine, read_document
from machines.machine import Machine
from tests.support.folding import SECOND_NS, START_NS, Folding, make_machine

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "machines.md").read_text()
SCHEMA = json.loads((ROOT / "machines" / "machine.schema.json").read_text())


def _examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", REFERENCE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("language", "form", "names"),
    [
        ("yaml", "yaml", ["parcel", "payment", "batch", "approval"]),
        ("json", "json", ["lamp"]),
        ("xml", "scxml", ["incident"]),
    ],
)
def test_the_documents_in_the_reference_load(language: str, form: Form, names: list[str]) -> None:
    machines = [read_document(text, form, "docs/machines.md") for text in _examples(language)]
    assert [machine.name for machine in machines] == names


HOUR_S = 3_600


@pytest.mark.parametrize(
    ("answered_s", "told", "status"),
    [
        (2 * HOUR_S - 60, ["-waiting", "*granted"], "ok"),
        (2 * HOUR_S, ["-escalated", "*granted"], "ok"),
        (4 * 24 * HOUR_S, [], "timeout"),
    ],
)
def test_the_deadlines_in_the_reference_do_what_it_says(answered_s: int, told: list[str], status: str) -> None:
    (approval,) = [text for text in _examples("yaml") if "machine: approval" in text]
    folding = Folding(make_machine(approval))
    folding.arrive("com.example.approval.requested", 0)
    folding.now_ms += 5 * 24 * HOUR_S * 1_000
    folding.arrive("com.example.approval.granted", answered_s)
    assert (folding.last().steps, folding.snapshot.status) == (told, status)
    entered = [record.event.time_ns for record in folding.journal()[1] if record.result == "applied"]
    assert entered == sorted(entered)
    assert folding.snapshot.ended_ns == START_NS + min(answered_s, 26 * HOUR_S) * SECOND_NS


def test_the_class_in_the_reference_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = _examples("python")
    (tmp_path / "claims_of_the_reference.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    (machine,) = load_catalog(["claims_of_the_reference:Claim"])
    assert isinstance(machine, Machine)
    assert (machine.name, machine.version, machine.outcomes) == ("claim", 2, {"declined": "cancelled"})


def test_every_key_of_a_document_is_in_the_reference_and_no_other() -> None:
    table = REFERENCE.partition("## Keys")[2].partition("##")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(SCHEMA["properties"])
    needed = re.findall(r"^\| `(\w+)` \| yes \|", table, re.MULTILINE)
    assert needed == SCHEMA["required"]
    defaults = dict(re.findall(r"^\| `(\w+)` \| no, default `?(\w+)`? \|", table, re.MULTILINE))
    expected = {key: str(rule["default"]) for key, rule in SCHEMA["properties"].items() if "default" in rule}
    assert defaults == expected


@pytest.mark.parametrize(
    "name", re.findall(r"\(`(send`.*?)\.\.\.\)", REFERENCE)[0].replace("`", "").strip(", ").split(", ")
)
def test_every_name_that_the_reference_calls_reserved_is_refused(name: str) -> None:
    text = (
        "machine: m\nchart:\n  states:\n"
        f"    a: {{transitions: [{{event: go, target: {name}}}]}}\n    {name}: {{final: true}}\n"
    )
    assert [problem.line for problem in examine(text, "yaml", "m").problems] == [5]


@pytest.mark.parametrize("action", re.findall(r"^\| `(\{.*\})` \|", REFERENCE, re.MULTILINE))
def test_every_action_in_the_reference_is_one(action: str) -> None:
    if "..." in action:
        action = action.replace("[...]", "[{cond: data.small}]").replace("...", "{raise: tidied}")
    text = (
        "machine: m\nchart:\n  datamodel: {attempts: 0}\n  states:\n"
        f"    a: {{exit: {action}, transitions: [{{event: go, target: b}}]}}\n    b: {{final: true}}\n"
    )
    assert [str(problem) for problem in examine(text, "yaml", "m").problems] == []
