"""A fresh clone of this repository in a folder of its own, and shells in it as a newcomer has them."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scripts.map import ROOT, list_files

_OURS = ("LONGSPAN_", "OTEL_", "PYTEST_", "COV_")


class Clone:
    """A clone at `folder`. Its shells have a home without settings of ours, and `environment` on top."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for path in list_files(ROOT):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, folder / path)
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        inherited.pop("VIRTUAL_ENV", None)
        inherited.pop("PYTHON", None)
        own = f"{ROOT / '.venv' / 'bin'}"
        inherited["PATH"] = ":".join(part for part in inherited["PATH"].split(":") if part != own)
        self.environment: dict[str, str] = inherited

    def run(self, script: str, seconds: float, **environment: str) -> "subprocess.CompletedProcess[str]":
        """A script in a shell of its own that stops at the first failure; its output is that of both streams."""
        return subprocess.run(
            _shell(script),
            cwd=self.folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
        )

    @contextmanager
    def running(self, script: str, environment: Mapping[str, str]) -> Iterator["Lasting"]:
        """A script that goes on until Ctrl-C, which it gets when the block ends."""
        output = self.folder.parent / "lasting.log"
        with output.open("wb") as log:
            process = subprocess.Popen(
                _shell(script),
                cwd=self.folder,
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        lasting = Lasting(process, output)
        try:
            yield lasting
        finally:
            lasting.interrupt()


class Lasting:
    """A script that is running."""

    def __init__(self, process: "subprocess.Popen[bytes]", output: Path) -> None:
        self._process = process
        self._output = output

    @property
    def text(self) -> str:
        """What it has said so far."""
        return self._output.read_text(errors="replace")

    @property
    def alive(self) -> bool:
        """Whether it goes on."""
        return self._process.poll() is None

    def interrupt(self, seconds: float = 20.0) -> int:
        """Ctrl-C in its terminal; its exit status."""
        if self.alive:
            os.killpg(self._process.pid, signal.SIGINT)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            raise


def _shell(script: str) -> list[str]:
    return ["bash", "-euo", "pipefail", "-c", script]
