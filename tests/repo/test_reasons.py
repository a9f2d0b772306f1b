"""Every exception from a rule says why."""

import re

import pytest

from scripts.map import ROOT, list_files

# An ignore that names its rule, and after it, set apart by two spaces or more, a reason in words.
IGNORE = re.compile(r"#\s*(?:noqa|type:\s*ignore|shellcheck\s+disable|pragma:)\b.*", re.IGNORECASE)
REASONED = re.compile(
    r"#\s*(?:noqa:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|type: ignore\[[a-z-]+(?:, ?[a-z-]+)*\]|shellcheck disable=[SC\d,]+)"
    r"\s+(?:#\s*)?[A-Za-z`].{9,}"
)


def _ignores(text: str) -> list[str]:
    """The ignores of a text that give no reason."""
    found = [match.group() for line in text.splitlines() if (match := IGNORE.search(line))]
    return [ignore for ignore in found if not _reasoned(ignore)]


def _reasoned(ignore: str) -> bool:
    return all(REASONED.match(part) for part in re.split(r"(?=#\s*(?:noqa|type: ignore))", ignore) if part)


def test_every_ignore_in_the_code_gives_its_reason() -> None:
    files = [path for path in list_files(ROOT) if path.endswith(".py") or path.startswith(("scripts/", ".ci/"))]
    bare = {
        path: ignores
        for path in files
        if path != "tests/repo/test_reasons.py" and (ignores := _ignores((ROOT / path).read_text()))
    }
    assert not bare


@pytest.mark.parametrize(
    "line", ["x = 1  # noqa", "x = 1  # noqa: S301", "x = 1  # type: ignore", "x = 1  # type: ignore[arg-type]"]
)
def test_an_ignore_without_a_reason_is_found(line: str) -> None:
    assert _ignores(line)


@pytest.mark.parametrize(
    "line",
    [
        "x = 1  # noqa: S301  only our own journals are read",
        "x = 1  # type: ignore[arg-type]  # the stub knows only str",
        "# an ordinary comment",
    ],
)
def test_an_ignore_with_a_reason_passes(line: str) -> None:
    assert not _ignores(line)


def test_every_ignore_in_the_configuration_gives_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    lists = re.findall(r"^(?:ignore|\"[^\"]+\") = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    rows = [row for block in lists for row in block.splitlines() if row.strip()]
    rows += re.findall(r"^(?:ignore_|disable_|follow_|allow_|disallow_).*$", text, re.MULTILINE)
    rows = [row for row in rows if not row.startswith("allow_indirect_imports")]
    assert rows
    assert not [row for row in rows if not re.search(r"#\s*\w.{9,}", row)]
