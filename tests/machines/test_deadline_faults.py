"""A deadline that cannot be applied, by whatever fault: it is set aside, and its workflow goes on."""

from pathlib import Path

import pytest

from machines.catalog import load_catalog
from tests.support.deadlines import FIRED, types_told
from tests.support.folding import Folding

FUSE = """
from typing import Any
from statemachine import State
from machines import WorkflowChart


class Fuse(WorkflowChart[Any]):
    machine = "fuse"
    starts_on = ("com.x.lit",)
    deadlines = {"burning": {"after": "10s", "send": "explode"}}
    burning = State(initial=True)
    out = State(final=True)
    explode = burning.to(out, on="bang")
    stamped = burning.to(out)

    def bang(self) -> None:
        raise ERROR
"""


@pytest.mark.parametrize(
    ("error", "detail"),
    [("SystemExit(3)", "SystemExit: 3"), (r"ValueError('\udc80')", "UnicodeEncodeError: 'utf-8' codec can't encode")],
    ids=["at once", "half way"],
)
@pytest.mark.parametrize("itself", [True, False])
def test_a_deadline_that_cannot_be_applied_is_a_dead_letter_and_stops_nothing(
    itself: bool, error: str, detail: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    module = f"fuse_{itself}_{len(error)}".lower()
    (tmp_path / f"{module}.py").write_text(FUSE.replace("ERROR", error))
    fuse = Folding(*load_catalog([f"{module}:Fuse"]))
    fuse.arrive("com.x.lit", 0)
    if itself:
        assert fuse.fire() == "dead"
    assert fuse.arrive("com.x.stamped", 11) == "applied"
    (dead,) = fuse.dead
    assert (dead.event.type, dead.reason, dead.detail[: len(detail)]) == (FIRED, "internal-error", detail)
    assert (types_told(fuse), fuse.snapshot.status, fuse.snapshot.entries) == (["lit", "stamped"], "ok", 3)
