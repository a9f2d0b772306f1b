"""docs/deadletters.md: the reasons are those that the code gives, and the machine in it is one."""

import re

from machines.admission import Hold
from machines.documents import read_document
from scripts.map import ROOT

REFERENCE = (ROOT / "docs" / "deadletters.md").read_text()
CODE = "".join(path.read_text() for folder in ("machines", "streams") for path in sorted((ROOT / folder).glob("*.py")))


def test_the_reasons_are_those_that_the_code_gives() -> None:
    listed = set(re.findall(r"^\| `([a-z-]+)` \|", REFERENCE, re.MULTILINE))
    given = set(re.findall(r'(?:\bDead\([\w.]+, |\bspoilt\b[^\n]*?\()"([a-z-]+)", ', CODE))
    given |= set(re.findall(r'b"reason": b"([a-z-]+)"', CODE))
    assert given | {Hold.EARLY.value, Hold.MACHINE.value} == listed


def test_the_machine_of_the_example_is_one() -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```", REFERENCE, re.MULTILINE | re.DOTALL)
    machine = read_document(text, "yaml", "docs/deadletters.md")
    assert (machine.name, machine.version) == ("parcel", 2)
