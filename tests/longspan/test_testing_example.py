"""The example of docs/testing.md, run as it stands there."""

import re

import pytest

import longspan.testing.stack  # noqa: F401  what a run inside this one imports first, it would import for each run
from scripts.map import ROOT

pytest_plugins = ["pytester"]


def test_the_example_of_how_to_test_a_machine_works_as_it_is_told(pytester: pytest.Pytester) -> None:
    section = (ROOT / "docs" / "testing.md").read_text().partition("\n## Testing a machine\n")[2].partition("\n## ")[0]
    blocks = dict(re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))
    assert set(blocks) == {"ini", "yaml", "python", "text"}
    (pytester.path / "pytest.ini").write_text(blocks["ini"])
    pytester.mkdir("machines").joinpath("parcel.yaml").write_text(blocks["yaml"])
    (pytester.path / "test_parcel.py").write_text(blocks["python"])
    golden = pytester.path / "golden" / "lost parcel.txt"
    pytester.runpytest_inprocess("--longspan-update").assert_outcomes(passed=4)
    assert golden.read_text() == blocks["text"]
    pytester.runpytest_inprocess("-W", "error").assert_outcomes(passed=4)
