"""The image, built by the clone's own script, and containers of it as hardened as the manifests have them."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scripts.map import ROOT

IMAGE = "localhost/longspan-test:test"
BASE = "localhost/longspan-test-base:trixie"
_SUITE = "trixie"
_PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"
# No more rights than Kubernetes' restricted profile gives; the limits are those that a sandbox can set.
_HARDENED = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--network=host", "--no-healthcheck")
_LIMITS = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")


def missing() -> str | None:
    """Why no image can be built here; None where it can."""
    absent = [program for program in ("podman", "buildah", "runc", "debootstrap") if shutil.which(program) is None]
    if absent:
        return f"no {', '.join(absent)} on the PATH"
    return None if os.geteuid() == 0 else "a base image without a registry is made by root alone"


def build_base(folder: Path) -> None:
    """A base image of Debian's own packages, for a machine that reaches no registry of images; made once a machine."""
    if subprocess.run(["podman", "image", "exists", BASE], check=False).returncode:
        _run("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _SUITE, str(folder), seconds=900)
        with subprocess.Popen(["tar", "-C", str(folder), "-c", "."], stdout=subprocess.PIPE) as tar:
            subprocess.run(["podman", "import", "-", BASE], stdin=tar.stdout, check=True, capture_output=True)
        shutil.rmtree(folder)


def build_image() -> None:
    """`scripts/image build` on that base."""
    given = ("--name", IMAGE.partition(":")[0], "--tag", "test", "--base", BASE, "--tool", "buildah")
    _run(str(ROOT / "scripts" / "image"), "build", *given, "--", "--isolation", "chroot", seconds=900)


def size_bytes(image: str) -> int:
    """Its size, uncompressed."""
    return int(json.loads(_run("podman", "image", "inspect", image))[0]["Size"])


def labels() -> dict[str, str]:
    """The image's labels."""
    return dict(json.loads(_run("podman", "image", "inspect", IMAGE))[0]["Config"]["Labels"])


def run_python(code: str) -> str:
    """What a program says in a container of the image."""
    return _run(*_podman("run", "--rm", "--entrypoint", "python", *_HARDENED, *_LIMITS, IMAGE, "-c", code))


def run_once(*arguments: str, settings: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """A container until it ends by itself."""
    command = _podman("run", "--rm", *_HARDENED, *_LIMITS, *_environment(settings), IMAGE, *arguments)
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


class Container:
    """A container that runs."""

    def __init__(self, name: str) -> None:
        self.name = name

    def execute(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """A command in it."""
        return subprocess.run(
            _podman("exec", self.name, *command), capture_output=True, text=True, timeout=60, check=False
        )

    def is_ready(self) -> bool:
        """Whether it says so. Fails where it has ended."""
        asked = self.execute("longspan", "alive", "--ready")
        assert "container state improper" not in asked.stderr, self.log()
        return asked.returncode == 0

    def stop(self, seconds: int) -> int:
        """SIGTERM, SIGKILL so many seconds later; its exit status, 137 where it came to that."""
        _run(*_podman("stop", "--time", str(seconds), self.name))
        return int(_run(*_podman("wait", self.name)))

    def log(self) -> str:
        """What it has said."""
        shown = subprocess.run(_podman("logs", self.name), capture_output=True, text=True, timeout=60, check=False)
        return shown.stdout + shown.stderr


@contextmanager
def running_container(name: str, *arguments: str, settings: Mapping[str, str]) -> Iterator[Container]:
    """A container until the block ends; then it is removed."""
    begin = ("run", "--detach", "--name", name, *_HARDENED, *_LIMITS, *_environment(settings))
    try:
        _run(*_podman(*begin, IMAGE, *arguments))
        yield Container(name)
    finally:
        subprocess.run(_podman("rm", "--force", name), capture_output=True, timeout=60, check=False)


def _environment(settings: Mapping[str, str]) -> list[str]:
    return [f"--env={name}={value}" for name, value in settings.items()]


def _podman(verb: str, *arguments: str) -> list[str]:
    return ["podman", "--runtime", "runc", verb, *arguments]


def _run(*command: str, seconds: float = 60) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout
