"""What a file may look like and where it may stand."""

import ast
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.map import FOLDERS, MAP, ROOT, UndocumentedFileError, draw_map, list_files

FILES = list_files(ROOT)
PACKAGES = ("machines", "streams", "spans", "api", "longspan")
VERBS = ("setup", "check", "fix", "test", "demo", "bench", "profile", "chaos", "screenshots", "lock", "image", "k8s")
LINE_LIMIT = 250
# Patterns, so that this file does not match itself: paths of one machine, and hosts of package registries.
FOREIGN = re.compile(
    r"(?<![\w.}])/(?:work|root|home/[a-z]+|Users/[A-Za-z]+)/|\.py[e]nv\b"
    r"|py[p]i\.org|pythonhosted[.]|registry[.]npmjs|deb[.]debian|artifact(?:ory|s)[.]"
)


def _text(path: str) -> str:
    return (ROOT / path).read_text(errors="replace")


def _annotations(scope: ast.ClassDef) -> Iterator[ast.expr]:
    for node in scope.body:
        if isinstance(node, ast.AnnAssign):
            yield node.annotation
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
            yield from (one.annotation for one in every if one is not None and one.annotation is not None)
            yield from (node.returns,) if node.returns is not None else ()


def test_no_python_file_is_longer_than_its_limit() -> None:
    long = {path: length for path in FILES if path.endswith(".py") and (length := _text(path).count("\n")) > LINE_LIMIT}
    assert not long


def test_no_member_of_a_class_hides_a_type_that_its_annotations_name() -> None:
    # Python 3.14 reads annotations when they are asked for: a field `list` is then what `list[str]` above it means.
    hidden = []
    for path in FILES:
        if path.endswith(".py") and path.split("/")[0] in PACKAGES:
            for scope in (node for node in ast.walk(ast.parse(_text(path))) if isinstance(node, ast.ClassDef)):
                members = {node.name for node in scope.body if isinstance(node, ast.FunctionDef)}
                fields = [node.target for node in scope.body if isinstance(node, ast.AnnAssign)]
                members |= {field.id for field in fields if isinstance(field, ast.Name)}
                parts = (part for annotation in _annotations(scope) for part in ast.walk(annotation))
                named = {part.id for part in parts if isinstance(part, ast.Name)}
                hidden += [f"{path}: {scope.name}.{member}" for member in sorted(members & named)]
    assert not hidden


def test_the_map_lists_every_file_once_with_its_own_words() -> None:
    assert MAP.read_text() == draw_map(ROOT, FILES), "run scripts/fix"
    listed = Counter(re.findall(r"\]\(\.\./([^)]+)\)", MAP.read_text()))
    expected = [path for path in FILES if path.endswith(".py") and path.split("/")[0] in (*PACKAGES, "scripts")]
    assert {path: listed[path] for path in expected} == dict.fromkeys(expected, 1)
    assert set(PACKAGES) < set(FOLDERS)


def test_a_file_without_a_line_for_the_map_is_named(tmp_path: Path) -> None:
    (tmp_path / "machines").mkdir()
    (tmp_path / "machines" / "silent.py").write_text("answer = 42\n")
    with pytest.raises(UndocumentedFileError, match=re.escape("machines/silent.py")):
        draw_map(tmp_path, ["machines/silent.py"])


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = {
        f"{path}:{number}": line.strip()[:120]
        for path in FILES
        for number, line in enumerate(_text(path).splitlines(), 1)
        if FOREIGN.search(line)
    }
    assert not found


@pytest.mark.parametrize(
    "text", ["cd /wor" + "k/main", "see /roo" + "t/notes", "https://py" + "pi.org/simple", "~/.py" + "env/shims"]
)
def test_the_names_of_machines_and_registries_are_recognised(text: str) -> None:
    assert FOREIGN.search(text)


def test_test_files_have_names_of_their_own_and_no_packages() -> None:
    tests = [path for path in FILES if path.startswith("tests/")]
    assert not [path for path in tests if path.endswith("__init__.py")], "they would shadow the packages"
    names = Counter(Path(path).name for path in tests if Path(path).name.startswith("test_") and path.endswith(".py"))
    assert not [name for name, count in names.items() if count > 1]


def test_every_script_is_a_verb_that_is_executable_strict_and_explained() -> None:
    scripts = {path.removeprefix("scripts/") for path in FILES if path.startswith("scripts/") and "." not in path}
    assert scripts == set(VERBS)
    explained = _text("scripts/README.md")
    for verb in VERBS:
        path = ROOT / "scripts" / verb
        assert path.stat().st_mode & 0o111, f"{verb} is not executable"
        assert "\nset -euo pipefail\n" in path.read_text()
        assert f"`{verb}`" in explained


@pytest.mark.parametrize("verb", VERBS)
def test_every_script_teaches_its_use(verb: str) -> None:
    shown = subprocess.run([ROOT / "scripts" / verb, "--help"], capture_output=True, text=True, timeout=30)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(f"Usage: scripts/{verb}")
    assert len(shown.stdout.splitlines()) >= 5


@pytest.mark.parametrize("verb", ["setup", "check", "fix"])
def test_a_script_refuses_what_it_does_not_know(verb: str) -> None:
    shown = subprocess.run([ROOT / "scripts" / verb, "--frobnicate"], capture_output=True, text=True, timeout=30)
    assert shown.returncode == 2
    assert shown.stderr.startswith(f"Usage: scripts/{verb}")
