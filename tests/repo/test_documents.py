"""The documents: links that lead somewhere, a changelog that is kept, decisions that something guards."""

import re
import tomllib
from pathlib import Path

import pytest

from scripts.map import ROOT, list_files

FILES = list_files(ROOT)
DOCUMENTS = [path for path in FILES if path.endswith(".md")]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def _anchors(text: str) -> set[str]:
    """The anchors of a document's headings, made as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _broken(document: Path) -> list[str]:
    """The links of a document that lead nowhere; other hosts are not asked."""
    broken = []
    for match in _LINK.finditer(_FENCE.sub("", document.read_text())):
        link = match[1] or match[2]
        if re.match(r"https?://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path) if path else document
        if not target.exists() or (anchor and anchor not in _anchors(target.read_text())):
            broken.append(link)
    return broken


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_link_leads_somewhere(path: str) -> None:
    assert not _broken(ROOT / path)


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("# Page\n[a](#page) [b](#gone) [c](missing.md) [d](page.md#page) [e](https://example.com)\n")
    assert _broken(document) == ["#gone", "missing.md"]


def test_every_document_of_the_reference_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    missing = [path for path in DOCUMENTS if path.startswith("docs/") and f"]({path})" not in readme]
    assert not missing


def test_the_changelog_begins_with_the_version_of_the_project() -> None:
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == VERSION
    assert len(versions) == len(set(versions))


def _decisions() -> dict[str, list[str]]:
    text = (ROOT / "DECISIONS.md").read_text()
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    return {title: body.strip().splitlines() for title, body in zip(parts[::2], parts[1::2], strict=True)}


@pytest.mark.parametrize("title", _decisions())
def test_a_decision_has_five_lines_and_a_test_that_guards_it(title: str) -> None:
    lines = _decisions()[title]
    assert [line.partition(":")[0] for line in lines] == ["- Decision", "- Why", "- Rejected", "- Guarded by"], title
    for place in re.findall(r"`(tests/[^`]+)`", lines[3]) or pytest.fail("names no test"):
        path, _, name = place.partition("::")
        assert (ROOT / path).is_file(), place
        assert f"def {name}(" in (ROOT / path).read_text(), place
