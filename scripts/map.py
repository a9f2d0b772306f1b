"""Writes docs/map.md: one line per file, taken from the file's own first line of documentation."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAP = ROOT / "docs" / "map.md"
FOLDERS = ("machines", "streams", "spans", "api", "longspan", "scripts", "docs")


class UndocumentedFileError(Exception):
    """Files without a first line that says what they hold."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__(f"no line for the map in {', '.join(paths)}: begin with a docstring, a comment or a heading")


def draw_map(root: Path, paths: list[str]) -> str:
    """The text of docs/map.md for these files, given relative to `root`. Raises UndocumentedFileError."""
    mapped = [path for path in paths if path.split("/")[0] in FOLDERS and "/" in path and path != "docs/map.md"]
    lines = {path: _first_line(root / path) for path in mapped if _is_mapped(path)}
    silent = [path for path, line in lines.items() if not line]
    if silent:
        raise UndocumentedFileError(silent)
    text = "# Map\n\nEvery file in one line, written by `scripts/fix` from the files. Tests mirror the packages.\n"
    for folder in FOLDERS:
        inside = sorted(path for path in lines if path.startswith(f"{folder}/"))
        if inside:
            text += f"\n## {folder}/\n\n| file | what it holds |\n|---|---|\n"
            text += "".join(f"| [{path.removeprefix(f'{folder}/')}](../{path}) | {lines[path]} |\n" for path in inside)
    return text


def list_files(root: Path) -> list[str]:
    """The files of the repository, relative to its root: tracked, and new ones that are not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.splitlines()
    return sorted({path for path in listed if (root / path).is_file()})


def _is_mapped(path: str) -> bool:
    suffix = Path(path).suffix
    return suffix in (".py", ".md") or (suffix == "" and path.startswith("scripts/"))


def _first_line(file: Path) -> str:
    text = file.read_text()
    if file.suffix == ".py":
        return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    if file.suffix == ".md":
        return text.partition("\n")[0].removeprefix("# ").strip()
    comments = [line for line in text.splitlines() if line.startswith("# ")]
    return comments[0].removeprefix("# ").strip() if comments else ""


if __name__ == "__main__":
    try:
        MAP.write_text(draw_map(ROOT, list_files(ROOT)))
    except UndocumentedFileError as error:
        sys.exit(str(error))
