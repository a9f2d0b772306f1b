"""What ships: one wheel with the five packages and their data, and names that nobody else installs."""

import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

from scripts.map import ROOT, list_files

PACKAGES = ("machines", "streams", "spans", "api", "longspan")


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The files of the wheel, built by the locked build backend without any network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_holds_the_packages_whole_and_nothing_else(contents: list[str]) -> None:
    packaged = [name for name in contents if ".dist-info/" not in name]
    assert sorted(packaged) == [path for path in list_files(ROOT) if path.split("/")[0] in PACKAGES and "/" in path]


def test_the_wheel_carries_its_license_and_its_command(contents: list[str]) -> None:
    information = {Path(name).name for name in contents if ".dist-info/" in name}
    assert {"LICENSE", "METADATA", "entry_points.txt"} <= information


def test_no_other_distribution_provides_a_name_of_ours() -> None:
    providers = packages_distributions()
    for package in PACKAGES:
        assert set(providers.get(package, [])) <= {"longspan"}
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin == str(ROOT / package / "__init__.py")
