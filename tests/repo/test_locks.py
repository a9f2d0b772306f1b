"""The lock files say what pyproject.toml asks for, and nothing else; told without any network."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.map import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
EXTRAS = [Requirement(text) for extra in PROJECT["project"]["optional-dependencies"].values() for text in extra]
DEVELOPMENT = [Requirement(text) for text in PROJECT["dependency-groups"]["dev"]]
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)(?P<block>.*(?:\n[ ].*)*)", re.MULTILINE)


def read_lock(name: str) -> dict[str, tuple[str, str]]:
    """Each package of a lock file: its version, and its block with hashes and the packages that it is there for."""
    pins = {match["name"]: (match["version"], match["block"]) for match in _PIN.finditer((ROOT / name).read_text())}
    assert pins
    return pins


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("requirements.lock", RUNTIME),
        ("requirements-image.lock", RUNTIME + EXTRAS),
        ("requirements-dev.lock", RUNTIME + EXTRAS + DEVELOPMENT),
    ],
)
def test_a_lock_holds_exactly_what_the_project_asks_for(name: str, wanted: list[Requirement]) -> None:
    pins = read_lock(name)
    for requirement in wanted:
        version = pins.get(canonicalize_name(requirement.name), ("missing", ""))[0]
        assert version != "missing", f"{requirement} is not in {name}: run scripts/lock"
        assert requirement.specifier.contains(version), f"{name} has {requirement.name} {version}: run scripts/lock"
    direct = {package for package, (_, block) in pins.items() if "longspan (pyproject.toml" in block}
    assert direct == {canonicalize_name(requirement.name) for requirement in wanted}, "run scripts/lock"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-image.lock"])
def test_development_runs_the_versions_that_users_run(name: str) -> None:
    development = read_lock("requirements-dev.lock")
    for package, (version, _) in read_lock(name).items():
        assert development[package][0] == version, f"{package} differs between the locks: run scripts/lock"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-image.lock", "requirements-dev.lock"])
def test_every_locked_package_has_hashes_and_no_place_of_its_own(name: str) -> None:
    for package, (_, block) in read_lock(name).items():
        assert "--hash=sha256:" in block, package
    assert "://" not in (ROOT / name).read_text()


def test_the_build_needs_only_what_is_locked() -> None:
    locked = read_lock("requirements-dev.lock")
    for text in PROJECT["build-system"]["requires"]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)][0])
